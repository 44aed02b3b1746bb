"""Domain match rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.issuance.rules import MatchRule, check_rules, match_identifier

METHODS = {"H": "", "A": "*.example.com", "B": "www.other.net"}


def chosen(identifier: str, rules: list[str]) -> int | None:
    parsed = [MatchRule.parse(rule) for rule in rules]
    return match_identifier(Identifier.parse(identifier), parsed).index


@pytest.mark.parametrize(
    ("identifier", "method"),
    [
        ("example.com", "A"),
        ("www.example.com", "A"),
        ("*.example.com", "A"),
        ("WWW.Example.COM", "A"),
        ("a.b.example.com", "H"),
        ("*.sub.example.com", "H"),
        ("www.other.net", "B"),
        ("other.net", "H"),
        ("notexample.com", "H"),
    ],
)
def test_the_most_specific_pattern_wins(identifier: str, method: str) -> None:
    index = chosen(identifier, list(METHODS.values()))
    assert index is not None
    assert list(METHODS)[index] == method


def test_an_equal_pattern_beats_the_bare_name_and_that_beats_one_below() -> None:
    assert chosen("a.example.com", ["*.example.com", "*.a.example.com", "a.example.com"]) == 2
    assert chosen("a.example.com", ["*.example.com", "*.a.example.com"]) == 1


def test_without_rules_http_01_is_used() -> None:
    assert chosen("example.com", []) is None


def test_a_single_method_takes_every_identifier() -> None:
    assert chosen("elsewhere.org", ["*.example.com"]) == 0
    assert chosen("192.0.2.1", ["*.example.com"]) == 0


def test_a_name_that_no_rule_takes_falls_to_http_01() -> None:
    assert chosen("elsewhere.org", ["*.example.com", "example.net"]) is None


def test_a_wildcard_that_no_rule_takes_is_an_error_that_says_what_to_add() -> None:
    with pytest.raises(InvalidInputError, match=r"add the pattern \*\.elsewhere\.org"):
        chosen("*.elsewhere.org", ["*.example.com", "example.net"])


def test_an_ip_address_is_for_http_01() -> None:
    assert chosen("192.0.2.1", ["", "*.example.com"]) is None


def test_patterns_are_trimmed_and_a_comma_is_tolerated() -> None:
    assert str(MatchRule.parse(" *.Example.com. ;example.net , ")) == "*.example.com;example.net"


def test_the_reason_names_the_pattern() -> None:
    rules = [MatchRule.parse("*.example.com"), MatchRule()]
    match = match_identifier(Identifier.parse("www.example.com"), rules)
    assert match.reason == "one label below *.example.com"


def test_two_defaults_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="only one can be the default"):
        check_rules([MatchRule(), MatchRule.parse(" ; ")])


def test_one_pattern_in_two_rules_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"\*\.example\.com is in .* two methods"):
        check_rules([MatchRule.parse("*.example.com"), MatchRule.parse("a.org;*.EXAMPLE.com")])


def test_a_malformed_pattern_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"'exa mple\.com'"):
        MatchRule.parse("*.example.com;exa mple.com")


LABELS = st.sampled_from(["a", "b", "example", "notexample", "com"])
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
PATTERNS = st.tuples(st.sampled_from(["", "*."]), NAMES).map("".join)


@given(NAMES, st.lists(PATTERNS, min_size=1, max_size=4, unique=True))
def test_a_name_is_taken_only_at_label_boundaries_and_at_most_one_below(
    name: str, patterns: list[str]
) -> None:
    rules = [MatchRule.parse(pattern) for pattern in patterns] + [MatchRule()]
    index = match_identifier(Identifier.parse(name), rules).index
    assert index is not None
    if not rules[index].is_default:
        base = patterns[index].removeprefix("*.")
        rest = name.removesuffix(base).removesuffix(".")
        assert name == base or name.endswith("." + base)
        assert "." not in rest
        assert not rest or patterns[index].startswith("*.")


@given(NAMES, st.lists(PATTERNS, min_size=2, max_size=4, unique=True))
def test_the_order_of_the_rules_does_not_matter(name: str, patterns: list[str]) -> None:
    rules = [MatchRule.parse(pattern) for pattern in patterns]
    forwards = match_identifier(Identifier.parse(name), rules).index
    backwards = match_identifier(Identifier.parse(name), rules[::-1]).index
    assert (forwards is None) == (backwards is None)
    if forwards is not None and backwards is not None:
        assert rules[forwards] == rules[::-1][backwards]
