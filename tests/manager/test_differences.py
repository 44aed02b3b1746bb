"""What differs between two definitions, in words."""

from __future__ import annotations

from msgspec.structs import replace

from zoneproof.manager.certificates.definition import CertificateDefinition, MethodDefinition
from zoneproof.manager.certificates.definition_file import describe_changes

METHOD = MethodDefinition(provider="rfc2136", fields={"server": "192.0.2.1"})
DEFINITION = CertificateDefinition(name="a", identifiers=("a.example",), method=(METHOD,))


def test_a_new_definition_tells_what_it_says() -> None:
    assert describe_changes(None, replace(DEFINITION, renew=False)) == [
        "identifiers: a.example",
        "renew: no",
        "method 1 provider: rfc2136",
        "method 1 fields: server=192.0.2.1",
    ]


def test_nothing_differs() -> None:
    assert describe_changes(DEFINITION, DEFINITION) == []
    assert describe_changes(None, None) == []


def test_what_was_and_what_becomes_are_told_also_for_defaults() -> None:
    after = replace(DEFINITION, renew=False, key_type="rsa2048", profile="short")
    there = ["key_type: rsa2048 (was ec256)", "profile: short", "renew: no (was yes)"]
    assert sorted(describe_changes(DEFINITION, after)) == there
    assert sorted(describe_changes(after, DEFINITION)) == [
        "key_type: ec256 (was rsa2048)",
        "profile: no longer short",
        "renew: yes (was no)",
    ]


def test_methods_are_told_field_by_field() -> None:
    more = replace(DEFINITION, method=(replace(METHOD, ttl=60), METHOD))
    assert describe_changes(DEFINITION, more) == [
        "method 1 ttl: 60",
        "method 2 provider: rfc2136",
        "method 2 fields: server=192.0.2.1",
    ]
    assert "method 2 provider: no longer rfc2136" in describe_changes(more, DEFINITION)
