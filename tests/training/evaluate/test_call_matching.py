"""Pairing of predicted calls with gold calls: optimal, and without order."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.answers.questions import GoldCall
from training.evaluate.call_matching import agree, match
from training.evaluate.equality_rules import NEVER, EqualityRule


def _gold(name: str, optional: tuple[str, ...] = (), **arguments: Any) -> GoldCall:
    accepted = {key: value if isinstance(value, tuple) else (value,) for key, value in arguments.items()}
    return GoldCall(name, accepted, frozenset(optional))


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_parallel_calls_have_no_order() -> None:
    """Two calls of one tool in another order are right, and each is paired with its own."""
    gold = [_gold("weather", city="جدة"), _gold("weather", city="أبها")]
    calls = [_call("weather", city="أبها"), _call("weather", city="جدة")]
    assert match(gold, calls, {}).level == EqualityRule.RAW
    assert sorted((at, other) for at, other, _ in match(gold, calls, {}).pairs) == [(0, 1), (1, 0)]


def test_the_pairing_is_optimal_not_greedy() -> None:
    """A greedy pairing would give the first gold call the answer that only the second accepts."""
    gold = [_gold("f", x=(1, 2)), _gold("f", x=1)]
    calls = [_call("f", x=1), _call("f", x=2)]
    assert match(gold, calls, {}).level == EqualityRule.RAW


def test_names_go_before_arguments() -> None:
    """A call is paired with gold of its own name, even if another gold call has its arguments."""
    gold = [_gold("book", city="جدة"), _gold("weather", city="أبها")]
    calls = [_call("weather", city="جدة"), _call("other", city="أبها")]
    pairs = {at: other for at, other, _ in match(gold, calls, {}).pairs}
    assert pairs == {1: 0, 0: 1}


def test_a_bad_call_of_the_right_name_goes_before_one_of_another() -> None:
    """Extra arguments do not pair a call with another tool."""
    gold = [_gold("weather", city="جدة"), _gold("book", city="أبها")]
    calls = [_call("weather", a=1, b=2, c=3, d=4, e=5), _call("other")]
    assert {at: other for at, other, _ in match(gold, calls, {}).pairs} == {0: 0, 1: 1}


def test_calls_without_partner_are_listed() -> None:
    """Gold and predicted calls without partner are listed alone."""
    gold = [_gold("f", x=1)]
    assert match(gold, [], {}).pairs == [(0, None, None)]
    assert match([], [_call("f")], {}).pairs == [(None, 0, None)]
    found = match(gold, [_call("f", x=2), _call("f", x=1)], {}).pairs
    assert [(at, other) for at, other, _ in found] == [(0, 1), (None, 0)]
    assert match(gold, [_call("f", x=1), _call("f", x=1)], {}).level == NEVER


@pytest.mark.parametrize(
    "gold, arguments, level",
    [
        (_gold("f", x=1), {"x": 1}, EqualityRule.RAW),
        (_gold("f", x=1), {"x": 1, "y": None}, EqualityRule.RAW),
        (_gold("f", x=1), {"x": 1, "y": ""}, EqualityRule.FAIR),
        (_gold("f", x=1), {"x": 1, "y": "a"}, NEVER),
        (_gold("f", x=1), {}, NEVER),
        (_gold("f", x=1), {"x": None}, NEVER),
        (_gold("f", x=1, y=""), {"x": 1}, EqualityRule.FAIR),
        (_gold("f", x=1, y=2.0), {"x": 1, "y": 2}, EqualityRule.NUMBERS),
        (_gold("f", ("y",), x=1, y=2), {"x": 1}, EqualityRule.RAW),
        (_gold("f", ("y",), x=1, y=2), {"x": 1, "y": 2}, EqualityRule.RAW),
        (_gold("f", ("y",), x=1, y=2), {"x": 1, "y": 3}, NEVER),
        (_gold("f", x=("a", "b")), {"x": "b"}, EqualityRule.RAW),
        (_gold("f"), {}, EqualityRule.RAW),
    ],
)
def test_arguments_are_compared_as_a_set(gold: GoldCall, arguments: dict[str, Any], level: int) -> None:
    """Null is absent, an empty text is absent only under the fair rule, and all accepted values are right."""
    assert agree(gold, arguments).level == level


def test_the_fair_rule_ignores_unscored_parameters() -> None:
    """They may be present, absent or different; the stricter rules compare them."""
    gold = _gold("get_weather", city="جدة", country="السعودية")
    left_out = frozenset({"country"})
    assert agree(gold, {"city": "جدة"}, left_out).level == EqualityRule.FAIR
    assert agree(gold, {"city": "جدة", "country": "مصر"}, left_out).level == EqualityRule.FAIR
    assert agree(gold, {"city": "جدة", "country": "السعودية"}, left_out).level == EqualityRule.FAIR
    assert (
        agree(_gold("get_weather", city="جدة"), {"city": "جدة", "country": "مصر"}, left_out).level == EqualityRule.FAIR
    )
    assert agree(gold, {"city": "أبها"}, left_out).level == NEVER


_CALLS = st.lists(st.tuples(st.sampled_from("fg"), st.integers(0, 2)), max_size=4)


@given(_CALLS, _CALLS)
def test_a_row_is_right_if_and_only_if_some_order_is(
    wanted: list[tuple[str, int]], made: list[tuple[str, int]]
) -> None:
    """Compared with trying every order."""
    gold = [_gold(name, x=value) for name, value in wanted]
    calls = [_call(name, x=value) for name, value in made]
    right = any(list(order) == wanted for order in permutations(made))
    assert (match(gold, calls, {}).level == EqualityRule.RAW) == right if gold else True
    pairs = match(gold, calls, {}).pairs
    assert sorted(at for at, _, _ in pairs if at is not None) == list(range(len(gold)))
    assert sorted(other for _, other, _ in pairs if other is not None) == list(range(len(calls)))
