"""FunctionGemma's prompt format: renderer, parser and chat template."""
