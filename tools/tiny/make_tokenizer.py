"""Maker of the tiny tokenizer from the bundled sample: ``python -m tools.tiny.make_tokenizer [FOLDER]``.

SentencePiece learns the pieces. The fast form is built from them with the `tokenizers` library, because
GemmaTokenizerFast of transformers 5 silently makes a tokenizer of five tokens from a vocabulary that is not Gemma's.
The output is the same byte for byte with the library versions of constraints.txt.
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
from dataset_tools.io.json_text import dump_text
from dataset_tools.prompt import render
from tools.tiny.vocabulary import BOS, CONTROL_TOKENS, EOS, NEWLINES, PAD, SPACE, SPACES, UNK, VOCABULARY_SIZE
from training.tiny import tokenizer_path

__all__ = ["make", "sample_texts", "write"]

_TEMPLATE = Path(render.__file__).with_name("chat_template.jinja")

# Ends of the training texts: no piece may cross a control token, or hold a newline and other characters.
_BREAK = re.compile("|".join(map(re.escape, (*CONTROL_TOKENS, "\n"))))

# Pieces even if the sample lacks them, so that ordinary text needs no byte pieces: visible ASCII; Arabic letters,
# marks, digits and punctuation; borrowed letters of names and dialects.
_ALPHABET = "".join(map(chr, (*range(0x21, 0x7F), *range(0x621, 0x63B), *range(0x641, 0x653), *range(0x660, 0x66D))))
_ALPHABET += "،؛؟ـ«»ٱپچڤگ"

# The base model's context; transformers warns of longer texts.
_CONTEXT = 32768


def make() -> dict[str, bytes]:
    """Return the files of the tokenizer's folder by name."""
    model = _learn()
    fast = _fast(sentencepiece.SentencePieceProcessor(model_proto=model))
    return {
        "tokenizer.model": model,
        "tokenizer.json": fast.to_str().encode(),
        "tokenizer_config.json": (json.dumps(_config(), indent=2) + "\n").encode(),
        "chat_template.jinja": _TEMPLATE.read_bytes(),
    }


def write(folder: Path) -> None:
    """Write the files of :func:`make` into a folder.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in make().items():
        (folder / name).write_bytes(content)


def sample_texts() -> Iterator[str]:
    """Yield the texts between control tokens and newlines of the sample's prompts, with repetitions.

    Results are rendered as JSON text: the pieces, on which the weights of the tiny base depend, were learned from it.
    """
    with sample_path().open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            for message in record["messages"]:
                if message["role"] == "tool":
                    message["content"] = dump_text(message["content"])
            yield from filter(None, _BREAK.split(render.render(record)))


def _learn() -> bytes:
    """Train the SentencePiece model with Gemma's settings, as far as they are known.

    ``split_digits`` covers ASCII digits only, so numbers in Arabic-Indic digits may become pieces, as in Gemma. One
    thread and no file names, because the model file stores its settings.
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
        # They take the free ids in this order; bytes and learned pieces follow.
        user_defined_symbols=[token for token in CONTROL_TOKENS if token not in (PAD, EOS, BOS, UNK)]
        + [*NEWLINES, *SPACES],
        num_threads=1,
        minloglevel=1,
    )
    return model.getvalue()


def _fast(model: sentencepiece.SentencePieceProcessor) -> Tokenizer:
    """Return the same tokenizer in the form that transformers loads."""
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
    # As in Gemma's file; without effect, because the normalizer leaves no space.
    fast.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    fast.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    fast.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, vocabulary[BOS])]
    )
    fast.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    fast.add_tokens([AddedToken(newlines, special=False, normalized=False) for newlines in NEWLINES])
    # Matched after normalization, which makes them from spaces, so that the longest run wins as in SentencePiece.
    fast.add_tokens([AddedToken(spaces, special=False, normalized=True) for spaces in SPACES])
    return fast


def _merges(learned: list[str]) -> list[tuple[str, str]]:
    """Return the merges of each learned piece, in the order of learning.

    SentencePiece merges any two neighbours that form a piece, so each way to cut a piece into two pieces is a merge.
    """
    known = set(learned)
    return [
        (piece[:cut], piece[cut:])
        for piece in learned
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]


def _config() -> dict[str, object]:
    """Return ``tokenizer_config.json``."""
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
