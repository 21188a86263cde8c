"""Makes the tiny tokenizer from the bundled sample: ``python -m tools.tiny.make_tokenizer [FOLDER]``.

SentencePiece learns the pieces. The fast form is then built from them by hand, with the `tokenizers` library alone:
GemmaTokenizerFast of transformers 5, given a vocabulary file that is not Gemma's, makes a tokenizer of five tokens and
says nothing. Run again, it writes the same bytes, as long as both libraries stay at their versions in constraints.txt.
"""

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from dataset_tools.bundled import sample_path
from dataset_tools.prompt import render
from tools.tiny.vocabulary import BOS, CONTROL_TOKENS, EOS, NEWLINES, PAD, SPACE, SPACES, UNK, VOCABULARY_SIZE
from training.tiny import tokenizer_path

__all__ = ["make", "sample_texts", "write"]

_TEMPLATE = Path(render.__file__).with_name("chat_template.jinja")

# What ends a text that is learned from: no piece may cross a control token or hold a newline beside anything else.
_BREAK = re.compile("|".join(map(re.escape, (*CONTROL_TOKENS, "\n"))))

# Pieces of their own whether the sample has them or not, so that ordinary text does not fall apart into bytes:
# visible ASCII; letters, marks, digits and punctuation of Arabic; the letters that names and dialects borrow.
_ALPHABET = "".join(map(chr, (*range(0x21, 0x7F), *range(0x621, 0x63B), *range(0x641, 0x653), *range(0x660, 0x66D))))
_ALPHABET += "،؛؟ـ«»ٱپچڤگ"

# The base model's context; it is what transformers warns of when a text is longer.
_CONTEXT = 32768


def make() -> dict[str, bytes]:
    """The files of the tokenizer's folder, by name."""
    model = _learn()
    fast = _fast(sentencepiece.SentencePieceProcessor(model_proto=model))
    return {
        "tokenizer.model": model,
        "tokenizer.json": fast.to_str().encode(),
        "tokenizer_config.json": (json.dumps(_config(), indent=2) + "\n").encode(),
        "chat_template.jinja": _TEMPLATE.read_bytes(),
    }


def write(folder: Path) -> None:
    """Write the files of :func:`make` into a folder, which is made if need be.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in make().items():
        (folder / name).write_bytes(content)


def sample_texts() -> Iterator[str]:
    """What stands between the control tokens and newlines of the sample's prompts, as often as it stands there."""
    with sample_path().open(encoding="utf-8") as lines:
        for line in lines:
            yield from filter(None, _BREAK.split(render.render(json.loads(line))))


def _learn() -> bytes:
    """The SentencePiece model. Its settings are Gemma's where those are known.

    ``split_digits`` looks at ASCII digits alone, so that numbers in Arabic-Indic digits may become pieces, as they may
    in Gemma. One thread and no file names: the model holds its own settings, and they must not differ between runs.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sample_texts(),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY_SIZE,
        required_chars=_ALPHABET,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        pad_id=CONTROL_TOKENS.index(PAD),
        eos_id=CONTROL_TOKENS.index(EOS),
        bos_id=CONTROL_TOKENS.index(BOS),
        unk_id=CONTROL_TOKENS.index(UNK),
        pad_piece=PAD,
        eos_piece=EOS,
        bos_piece=BOS,
        unk_piece=UNK,
        # In this order they take the ids that are left, from the first on; bytes and learned pieces follow.
        user_defined_symbols=[token for token in CONTROL_TOKENS if token not in (PAD, EOS, BOS, UNK)]
        + [*NEWLINES, *SPACES],
        num_threads=1,
        minloglevel=1,
    )
    return model.getvalue()


def _fast(model: sentencepiece.SentencePieceProcessor) -> Tokenizer:
    """The same tokenizer in the form that transformers loads."""
    pieces = [model.id_to_piece(place) for place in range(model.get_piece_size())]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    bytes_end = max(place for place in vocabulary.values() if model.is_byte(place)) + 1
    bpe = models.BPE(
        vocab=vocabulary,
        merges=_merges(pieces[bytes_end:]),
        unk_token=UNK,
        fuse_unk=True,
        byte_fallback=True,
    )
    fast = Tokenizer(bpe)
    fast.normalizer = normalizers.Replace(" ", SPACE)
    # Gemma's file has this too. The normaliser has left no space to split at, so it does nothing.
    fast.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    fast.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    fast.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, vocabulary[BOS])]
    )
    fast.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    fast.add_tokens([AddedToken(newlines, special=False, normalized=False) for newlines in NEWLINES])
    # Looked for after normalisation, which is what turns spaces into them: then the longest run wins, as it does in
    # SentencePiece, however many spaces there are.
    fast.add_tokens([AddedToken(spaces, special=False, normalized=True) for spaces in SPACES])
    return fast


def _merges(learned: list[str]) -> list[tuple[str, str]]:
    """The pairs that are merged into each learned piece, the piece that was learned first before all others.

    SentencePiece asks only whether two neighbours make a piece, and which piece is best; so every way to cut a piece
    in two pieces is a merge.
    """
    known = set(learned)
    return [
        (piece[:cut], piece[cut:])
        for piece in learned
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]


def _config() -> dict[str, object]:
    """What transformers reads beside the tokenizer itself."""
    return {
        "tokenizer_class": "GemmaTokenizer",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": UNK,
        "mask_token": "<mask>",
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": _CONTEXT,
        "padding_side": "left",
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else tokenizer_path())
