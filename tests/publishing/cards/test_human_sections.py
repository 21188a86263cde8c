"""Human sections of a card: kept when the card is written again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from publishing.cards.human_sections import human_section, human_sections, keep_human_sections, overruled_sections

NAME = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)
TEXT = st.text(st.characters(exclude_characters="<>\r"), max_size=40).map(str.strip)


@given(st.dictionaries(NAME, TEXT, max_size=4), st.dictionaries(NAME, TEXT, max_size=4), TEXT)
def test_no_section_is_lost(old: dict[str, str], new: dict[str, str], around: str) -> None:
    """Every filled section of the old card is in the new one; a second merge changes nothing."""
    old_card = around + "\n\n".join(human_section(name, text) for name, text in old.items())
    new_card = "# New\n" + "\n\n".join(human_section(name, text) for name, text in new.items()) + "\n"
    kept = keep_human_sections(new_card, old_card)
    written = {name: text for name, text in old.items() if text}
    assert human_sections(kept) == {**new, **written}
    differing = {name for name in new if new[name] and old.get(name) and old[name] != new[name]}
    assert set(overruled_sections(new_card, old_card)) == differing
    assert keep_human_sections(new_card, kept) == kept


@pytest.mark.parametrize(
    "card",
    [
        "<!-- begin human: a -->",
        "<!-- end human: a -->",
        "<!-- begin human: a --><!-- end human: b -->",
        human_section("a", "x") + human_section("a", "y"),
        "<!-- begin human: A -->\n<!-- end human: A -->",
    ],
)
def test_damaged_marks_are_refused(card: str) -> None:
    """Unpaired marks and duplicate names are errors, because the sections are ambiguous."""
    with pytest.raises(InputError, match="marks of a human section"):
        human_sections(card)
