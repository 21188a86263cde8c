"""Export of a run: adapter, merged weights and GGUF files, each checked."""
