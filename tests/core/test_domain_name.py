"""Domain names: spellings, limits, wildcards and label boundaries."""

from __future__ import annotations

import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidNameError
from zoneproof.core.names import DomainName, readable

INSIDE = "abcdefghijklmnopqrstuvwxyz0123456789_-"
LABELS = st.text(INSIDE, min_size=1, max_size=22).map(lambda text: text.strip("-") or "a")
LABEL_LISTS = st.lists(LABELS, min_size=1, max_size=6)
NAMES = LABEL_LISTS.map(lambda labels: DomainName.parse(".".join(labels)))
# Letters that label boundaries, dots and escapes are made of, to hit the rules more often.
NASTY_TEXT = st.text() | st.text(alphabet="aA1_-*. \t\n\x00\x1b.。․ßüéК☃\u200d\u202e\ud800%[]:")


def name_or_error(text: str) -> DomainName | InvalidNameError:
    try:
        return DomainName.parse(text)
    except InvalidNameError as error:
        return error


@given(NAMES)
@settings(deadline=None)
def test_what_was_parsed_parses_to_itself(name: DomainName) -> None:
    assert DomainName.parse(name.text) == name
    assert DomainName.parse(name.fqdn) == name


@given(NAMES, st.sampled_from([".", "。", "．", "｡"]), st.booleans())
@settings(deadline=None)
def test_case_dots_and_spaces_around_do_not_matter(
    name: DomainName, dot: str, trailing: bool
) -> None:
    spelled = f" {dot.join(name.labels).upper()}{dot if trailing else ''}\n"
    assert DomainName.parse(spelled) == name


@given(NASTY_TEXT)
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_name_that_the_dns_can_carry_or_a_one_line_error(text: str) -> None:
    result = name_or_error(text)
    if isinstance(result, InvalidNameError):
        assert result.message.isprintable()
        assert len(result.message) < 400
    else:
        assert DomainName.parse(result.fqdn) == result
        assert dns.name.from_text(result.fqdn).to_text() == result.fqdn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example.", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("_acme-challenge.bücher.example", "_acme-challenge.xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        (".", ""),
    ],
)
def test_spellings(text: str, expected: str) -> None:
    assert DomainName.parse(text).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty label"),
        ("..", "empty label"),
        (".example.com", "empty label"),
        ("a..example.com", "empty label"),
        ("example.com..", "empty label"),
        ("a.*.example.com", "'*' can only stand alone as the leftmost label"),
        ("*.*.example.com", "'*' can only stand alone as the leftmost label"),
        ("*a.example.com", "the label '*a'"),
        ("-a.example.com", "neither begin nor end with '-'"),
        ("a-.example.com", "neither begin nor end with '-'"),
        ("a b.example.com", "the label 'a b'"),
        ("a/b.example.com", "the label 'a/b'"),
        ("exa\nmple.com", r"the label 'exa\nmple'"),
        ("exa\x1b[2Jmple.com", r"'exa\x1b[2Jmple.com'"),
        ("a\x00.com", r"the label 'a\x00'"),
        ("\ud800.com", r"'\ud800.com'"),
        ("a\u202eb.com", r"'a\u202eb.com'"),
        ("☃.com", "U+2603"),
        ("a" * 64 + ".com", "longer than 63"),
        ("ü" * 60 + ".com", "is not a domain name"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        DomainName.parse(text)
    assert reason in caught.value.message
    assert caught.value.message.isprintable()


def test_labels_hold_63_characters_and_names_253() -> None:
    label = "a" * 63
    longest = f"{label}.{label}.{label}.{'a' * 61}"
    assert DomainName.parse(longest).text == longest
    with pytest.raises(InvalidNameError, match="longer than 253"):
        DomainName.parse(longest + "a")
    with pytest.raises(InvalidNameError, match="longer than 253"):
        DomainName.parse(longest).child("a")


@pytest.mark.parametrize("text", ["a." * 5_000_000, "ü" * 10_000_000, "a\u00ad" * 1000])
def test_huge_texts_are_refused_without_work(text: str) -> None:
    with pytest.raises(InvalidNameError, match="longer than 253") as caught:
        DomainName.parse(text)
    assert len(caught.value.message) < 400


@given(LABEL_LISTS, LABEL_LISTS)
@settings(deadline=None)
def test_below_means_that_the_labels_end_alike(left: list[str], right: list[str]) -> None:
    zone = DomainName.parse(".".join(right))
    assert DomainName.parse(".".join(left + right)).is_below(zone)
    other = DomainName.parse(".".join(left))
    assert other.is_below(zone) == (list(other.labels[-len(right) :]) == right)


def test_a_common_ending_within_a_label_is_not_below() -> None:
    zone = DomainName.parse("example.com")
    assert not DomainName.parse("badexample.com").is_below(zone)
    assert not DomainName.parse("com").is_below(zone)
    assert zone.is_below(zone)


@given(NAMES)
@settings(deadline=None)
def test_everything_is_below_the_root(name: DomainName) -> None:
    root = DomainName.parse(".")
    assert name.is_below(root)
    assert not root.is_below(name)
    assert name.relative_to(root) == name.text
    assert root.child(name.text) == name


@given(LABEL_LISTS, NAMES)
@settings(deadline=None)
def test_relative_to_undoes_child(left: list[str], zone: DomainName) -> None:
    name = zone.child(".".join(left))
    assert name.relative_to(zone) == ".".join(left)
    assert zone.relative_to(zone) == ""


def test_relative_to_a_zone_elsewhere_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"badexample\.com is not below example\.com"):
        DomainName.parse("badexample.com").relative_to(DomainName.parse("example.com"))


@pytest.mark.parametrize("left", ["", ".", "a.", "a..b", "b*", "a b"])
def test_a_child_needs_proper_labels(left: str) -> None:
    with pytest.raises(InvalidNameError):
        DomainName.parse("example.com").child(left)


def test_nothing_stands_left_of_a_wildcard() -> None:
    with pytest.raises(InvalidNameError):
        DomainName.parse("*.example.com").child("a")


@given(NAMES)
@settings(deadline=None)
def test_a_wildcard_has_its_base_as_parent(name: DomainName) -> None:
    wildcard = name.child("*")
    assert wildcard.is_wildcard
    assert not name.is_wildcard
    assert wildcard.base == wildcard.parent == name == name.base


def test_the_wildcard_of_the_root_is_one() -> None:
    assert DomainName.parse("*").is_wildcard
    assert DomainName.parse("*").base == DomainName.parse(".")


@given(NAMES)
@settings(deadline=None)
def test_parents_lead_to_the_root_which_is_its_own(name: DomainName) -> None:
    for _ in range(len(name.labels)):
        assert name.is_below(name.parent)
        name = name.parent
    assert name == DomainName.parse(".") == name.parent
    assert (name.labels, name.fqdn) == ((), ".")


@given(st.lists(NAMES, max_size=10))
@settings(deadline=None)
def test_the_order_is_the_dns_canonical_order(names: list[DomainName]) -> None:
    """RFC 4034 section 6.1, as dnspython sorts."""
    expected = sorted(dns.name.from_text(name.fqdn) for name in names)
    assert [name.fqdn for name in sorted(names)] == [name.to_text() for name in expected]


def test_a_name_is_readable_for_people() -> None:
    assert readable("*.xn--mnchen-3ya.example") == "*.münchen.example"
    for name in ("example.com", "xn--a.example", "xn--.example", "münchen.example", "192.0.2.1"):
        assert readable(name) == name
