"""The registry: every provider is found, described, checked and documented."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import zoneproof.providers
from tests.providers.harness import check_message
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.providers import (
    Alias,
    CredentialField,
    Provider,
    ProviderContext,
    ProviderInfo,
    Registration,
    TxtRecord,
    Zone,
    describe,
    exists,
    open_provider,
    shown_field,
    slugs,
)
from zoneproof.providers.aliases import find_alias
from zoneproof.providers.contract import Limits
from zoneproof.providers.pages import page
from zoneproof.providers.retired import RETIRED


@pytest.mark.parametrize("slug", slugs())
def test_every_provider_is_described_well(slug: str) -> None:
    info = describe(slug)
    assert info.slug == slug
    assert info.title
    assert info.default_ttl > 0
    names = [field.name for field in info.fields]
    assert len(set(names)) == len(names)
    for field in info.fields:
        assert field.name.isidentifier()
        assert field.help
        assert not field.help.endswith(".")
        assert field.default is None or not field.choices or field.default in field.choices
        assert not (field.secret and field.url)


@pytest.mark.parametrize(
    ("slug", "there"),
    [
        ("rfc2136", True),
        ("acmesh:dns_cf", True),
        ("lexicon:powerdns", True),
        ("certbot:dns-rfc2136", True),
        ("lexicon", False),
        ("other:rfc2136", False),
        (":", False),
        ("", False),
    ],
)
def test_which_slugs_there_can_be(slug: str, there: bool) -> None:
    assert exists(slug) is there
    if not there:
        with pytest.raises(InvalidInputError, match="there is no provider"):
            describe(slug)


def test_each_name_in_another_client_is_one_provider_here_with_its_fields() -> None:
    known = {slug: describe(slug).aliases for slug in slugs()}
    assert not RETIRED.keys() & known.keys()
    retired = [one.aliases for one in RETIRED.values()]
    names = Counter(
        (alias.client, alias.name, *alias.when.items())
        for aliases in [*known.values(), *retired]
        for alias in aliases
    )
    twice = [name for name, number in names.items() if number > 1]
    assert not twice, "a provider's info or retired.py has it, too"
    assert {client for client, *_ in names} == {"certbot", "acme.sh", "lego"}
    for slug, aliases in known.items():
        fields = {field.name for field in describe(slug).fields}
        for alias in aliases:
            assert {one for text in alias.all_fields.values() for one in text.split(".")} <= fields
            for choices in alias.choices.values():
                assert {text.partition("=")[0] for text in choices.values() if text} <= fields
            settings = defaultdict(str, alias.when)
            found = find_alias(alias.client, alias.name, settings.__getitem__)
            assert found == (slug, alias)
    found = find_alias("acme.sh", "dns_cf")
    assert found
    assert found[0] == "cloudflare"
    assert found[1].fields["CF_Token"] == "api_token"
    assert find_alias("certbot", "dns_cf") is None


@pytest.mark.parametrize("slug", RETIRED)
def test_what_closed_says_what_to_use_instead(slug: str) -> None:
    advice = RETIRED[slug].advice
    assert not advice.endswith(".")
    replaced = re.search(r"use the provider ([a-z0-9-]+)$", advice)
    assert not replaced or replaced[1] in slugs()
    with pytest.raises(InvalidInputError) as caught:
        describe(slug)
    assert caught.value.message == f"the provider {slug} no longer exists: {advice}"
    assert slug not in slugs()
    for alias in RETIRED[slug].aliases:
        assert find_alias(alias.client, alias.name) == (slug, alias)


def test_all_that_is_known_of_a_provider_is_shown() -> None:
    info = ProviderInfo(
        "example",
        "Example",
        "https://example.com",
        (CredentialField("token", "its token", secret=True),),
        notes="Some notes.",
        key_url="https://example.com/keys",
        limits=Limits(value_bytes=255, min_ttl=30),
        least_privilege="a token for one zone",
        name_servers=("*.ns.example.com", "ns?.example.net"),
        aliases=(Alias("certbot", "dns-example", {"key": "token"}), Alias("lego", "example")),
    )
    assert page(info).split("\n\n")[-7:-1] == [
        "Some notes.",
        "The key is made at <https://example.com/keys>.",
        "Least privilege: a token for one zone",
        "TTL: 60 s, at least 30 s; at most 255 bytes in a value.",
        "Zones there have the name servers `*.ns.example.com`, `ns?.example.net`.",
        "Other clients call it `dns-example` (certbot, with `key` for `token`); `example` (lego).",
    ]


def test_an_unknown_provider_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'acme-dns'"):
        describe("acmedns")
    with pytest.raises(InvalidInputError, match="rfc2136") as caught:
        open_provider("\x1b[2Jnonsense" * 50, ProviderContext({}))
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("slug", "fields", "word"),
    [
        ("manual", {"speed": "high"}, "none"),
        ("rfc2136", {}, "server"),
        ("rfc2136", {"server": ""}, "server"),
        ("rfc2136", {"server": "192.0.2.1", "transport": "\x1b[2Jpigeon"}, "tcp, udp"),
        ("script", {"create": "/bin/true"}, "delete"),
        ("acme-dns", {"SERVER": "https://host"}, "SERVER"),
    ],
)
def test_fields_are_checked_before_the_provider_sees_them(
    slug: str, fields: dict[str, str], word: str
) -> None:
    with pytest.raises(InvalidInputError, match=word) as caught:
        open_provider(slug, ProviderContext(fields))
    check_message(caught.value, [])


def test_a_secret_and_the_key_in_a_url_are_not_shown() -> None:
    assert shown_field(CredentialField("token", "its token", secret=True), "abc") == "(hidden)"
    assert shown_field(CredentialField("token", "its token", secret=True), "") == ""
    assert shown_field(CredentialField("url", "its URL", url=True), "https://a:b@c") == "https://c"
    assert shown_field(CredentialField("user", "its user"), "abc") == "abc"


def test_no_repr_shows_a_secret() -> None:
    context = ProviderContext({"secret": "hunter2"})
    registration = Registration("https://a", DomainName("b.c"), "b", "user", "hunter2")
    assert "hunter2" not in repr(context) + repr(registration)


async def test_the_manual_provider_does_nothing_and_says_so() -> None:
    provider: Provider = open_provider("manual", ProviderContext({}))
    assert provider.info.manual
    zone = Zone(DomainName.parse("example.com"))
    await provider.add(zone, [TxtRecord("_acme-challenge", "value", 60)])
    await provider.remove(zone, [TxtRecord("_acme-challenge", "value", 60)])
    assert await provider.zones() == []
    await provider.close()


def test_no_module_of_the_providers_changes_a_global() -> None:
    folder = Path(inspect.getfile(zoneproof.providers)).parent
    for module in folder.glob("*.py"):
        tree = ast.parse(module.read_text("utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], module


def test_the_list_of_providers_needs_no_provider_loaded() -> None:
    program = (
        "import sys, zoneproof.providers as p; p.slugs(); "
        "sys.exit(any(m in sys.modules for m in ('httpx2', 'dns')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("family", "form"),
    [("acmesh", "acmesh:dns_NAME"), ("certbot", "certbot:dns-NAME"), ("lexicon", "lexicon:NAME")],
)
def test_of_a_family_one_has_to_be_named(family: str, form: str) -> None:
    with pytest.raises(InvalidInputError, match=f"'{family}': name one of its, as {form}; "):
        describe(family)
