"""Vocabulary layout of Gemma 3, with FunctionGemma's control tokens at their real ids.

Control tokens, newlines and runs of spaces have the same ids as in the real tokenizer. Gemma 3 continues with pieces
for HTML, bytes and 260,000 learned pieces; the tiny vocabulary continues with bytes and its few learned pieces.
"""

__all__ = ["BOS", "CONTROL_TOKENS", "EOS", "NEWLINES", "PAD", "SPACE", "SPACES", "UNK", "VOCABULARY_SIZE"]

VOCABULARY_SIZE = 4096

PAD, EOS, BOS, UNK = "<pad>", "<eos>", "<bos>", "<unk>"

# SentencePiece's sign for a space, U+2581.
SPACE = "▁"

_FIRST_UNUSED = 6
_NAMED = {
    0: PAD,
    1: EOS,
    2: BOS,
    3: UNK,
    4: "<mask>",
    5: "[multimodal]",
    46: "<start_function_declaration>",
    47: "<end_function_declaration>",
    48: "<start_function_call>",
    49: "<end_function_call>",
    50: "<start_function_response>",
    51: "<end_function_response>",
    52: "<escape>",
    105: "<start_of_turn>",
    106: "<end_of_turn>",
}

# Control tokens by id. Unused tokens are numbered by position; FunctionGemma renamed seven of them.
CONTROL_TOKENS = tuple(_NAMED.get(place, f"<unused{place - _FIRST_UNUSED}>") for place in range(max(_NAMED) + 1))

# Ids 107 to 137: one to 31 newlines. Ids 138 to 167: two to 31 spaces; a single space is part of the next word.
NEWLINES = tuple("\n" * length for length in range(1, 32))
SPACES = tuple(SPACE * length for length in range(2, 32))
