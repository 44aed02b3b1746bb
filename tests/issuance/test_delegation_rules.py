"""CNAME delegation rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.challenges.dns01 import DelegationRule, DelegationRules
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName, Identifier


def publish_name(identifier: str, rules: str) -> str:
    name = DelegationRules.parse(rules).publish_name(Identifier.parse(identifier).domain)
    return str(name) if name else ""


@pytest.mark.parametrize(
    ("identifier", "rules", "expected"),
    [
        ("example.com", "*.example.com:*.auth.example.org", "auth.example.org"),
        ("*.example.com", "*.example.com:*.auth.example.org", "auth.example.org"),
        ("a.b.example.com", "*.example.com:*.auth.example.org", "a.b.auth.example.org"),
        ("www.example.com", "*.example.com:auth.example.org", "auth.example.org"),
        ("WWW.Example.COM", "*.example.com:*.auth.example.org", "www.auth.example.org"),
        ("www.example.com", "*.example.com:*.a.org;www.example.com:b.org", "www.a.org"),
        ("*.example.com", "example.com:b.org", "b.org"),
    ],
)
def test_rules_map_identifiers_to_publish_names(identifier: str, rules: str, expected: str) -> None:
    assert publish_name(identifier, rules) == f"_acme-challenge.{expected}"


@pytest.mark.parametrize(
    ("identifier", "rules"),
    [
        ("notexample.com", "*.example.com:b.org"),
        ("www.example.com", "example.com:b.org"),
        ("example.com", ""),
        ("com.example", "*.example.com:b.org"),
    ],
)
def test_a_rule_matches_only_at_label_boundaries(identifier: str, rules: str) -> None:
    assert publish_name(identifier, rules) == ""


@pytest.mark.parametrize(
    "rule", ["example.com", "a:b:c", ":b.org", "a.org:", "exa mple.com:b.org", "*.*.com:b.org"]
)
def test_a_rule_that_does_not_parse_is_named(rule: str) -> None:
    with pytest.raises(InvalidInputError, match="delegation rule") as caught:
        DelegationRules.parse(f"example.com:b.org; {rule}")
    assert f"'{rule}'" in caught.value.message


def test_a_name_that_becomes_too_long_is_an_error() -> None:
    long = ".".join(["a" * 60] * 3)
    with pytest.raises(InvalidInputError, match="longer than 253"):
        publish_name(f"{long}.example.com", f"*.example.com:*.{'b' * 60}.org")


LABELS = st.sampled_from(["a", "b", "example", "com", "org"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(NAMES, NAMES, NAMES, st.booleans(), st.booleans())
def test_what_a_rule_does_is_a_change_of_suffix(
    name: str, source: str, target: str, wild_source: bool, wild_target: bool
) -> None:
    rule = DelegationRule.parse(f"{'*.' * wild_source}{source}:{'*.' * wild_target}{target}")
    result = rule.publish_name(DomainName.parse(name))
    below = name == source or (wild_source and name.endswith("." + source))
    assert (result is not None) == below
    if result is not None:
        kept = name.removesuffix(source) if wild_target else ""
        assert str(result) == f"_acme-challenge.{kept}{target}"
    assert DelegationRule.parse(str(rule)) == rule
