"""Stored credentials: what is kept of them, who uses them, and what happens when they change."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.issuance import PublishedRecord
from zoneproof.manager import (
    CertificateDefinition,
    Credential,
    DnsSettings,
    Home,
    Manager,
    MethodDefinition,
    credential_summaries,
    credential_users,
    open_manager,
    remove_credential,
    rename_credential,
)
from zoneproof.providers import Zone

FIELDS = {"server": "192.0.2.53", "key_name": "k", "secret": "c2VjcmV0"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def certificate(name: str, *credentials: str) -> CertificateDefinition:
    """Return a certificate whose methods use the credentials."""
    methods = tuple(
        MethodDefinition(match=f"{number}.example" if number else "", credential=credential)
        for number, credential in enumerate(credentials)
    )
    return CertificateDefinition(name=name, identifiers=(name,), method=methods)


async def add(manager: Manager, *names: str) -> None:
    for name in names:
        await manager.credentials.add(Credential(name, "rfc2136", FIELDS))


@settings(max_examples=60)
@given(fields=st.dictionaries(texts, texts, max_size=5))
def test_any_text_is_read_as_it_was_stored(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, str]
) -> None:
    async def round_trip() -> None:
        async with open_manager(Home(tmp_path_factory.getbasetemp() / "any-text")) as manager:
            await manager.credentials.save(Credential("c", "script", fields))
            assert (await manager.credentials.get("c")).fields == fields

    asyncio.run(round_trip())


@pytest.mark.parametrize("text", ["", "\"'\\\n\r\t\0", "\u202eß🔑 ", "x" * 65536, "🔑" * 16384])
async def test_odd_and_long_texts_are_kept(tmp_path: Path, text: str) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await manager.credentials.add(Credential("c", "script", {"create": text}))
        await manager.credentials.change("c", lambda found: replace(found, name="ignored"))
        assert (await manager.credentials.get("c")).fields == {"create": text}


async def test_nothing_stored_holds_a_secret(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "dns")
        assert FIELDS["secret"] not in repr(await manager.credentials.get("dns"))
    for file in tmp_path.iterdir():
        assert FIELDS["secret"].encode() not in file.read_bytes()


async def test_a_taken_name_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "dns")
        with pytest.raises(InvalidInputError, match="the credential 'dns' already exists"):
            await manager.credentials.add(Credential("dns", "script", {}))
        assert (await manager.credentials.get("dns")).provider == "rfc2136"


async def test_of_two_additions_at_once_one_wins(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        results = await asyncio.gather(
            *(manager.credentials.add(Credential("dns", "rfc2136", FIELDS)) for _ in range(5)),
            return_exceptions=True,
        )
    assert len([result for result in results if result is None]) == 1


async def test_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await manager.credentials.add(Credential("c", "script", {}))

        def put(number: int) -> asyncio.Future[Credential]:
            return asyncio.ensure_future(
                manager.credentials.change(
                    "c", lambda found: replace(found, fields={**found.fields, str(number): "x"})
                )
            )

        await asyncio.gather(*map(put, range(20)))
        assert len((await manager.credentials.get("c")).fields) == 20


async def test_a_change_keeps_what_it_does_not_touch(tmp_path: Path) -> None:
    dns = DnsSettings(propagation="authoritative+30", resolvers=("192.0.2.1",))
    async with open_manager(Home(tmp_path)) as manager:
        await manager.credentials.add(Credential("c", "rfc2136", FIELDS, dns))
        before = await manager.credentials.get("c")
        await manager.credentials.change("c", lambda found: replace(found, fields={"a": "b"}))
        after = await manager.credentials.get("c")
    assert after == replace(before, fields={"a": "b"}, changed_at=after.changed_at)


async def test_saving_anew_keeps_dns_settings_unless_there_are_others(tmp_path: Path) -> None:
    asked, fixed = DnsSettings(propagation="authoritative"), DnsSettings(propagation=30)
    async with open_manager(Home(tmp_path)) as manager:
        for given, kept in ((asked, asked), (DnsSettings(), asked), (fixed, fixed)):
            await manager.credentials.save(Credential("c", "rfc2136", FIELDS, given))
            assert (await manager.credentials.get("c")).dns == kept


async def test_a_refused_change_changes_nothing(tmp_path: Path) -> None:
    def refuse(found: Credential) -> Credential:
        raise InvalidInputError("no")

    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "c")
        with pytest.raises(InvalidInputError, match="no"):
            await manager.credentials.change("c", refuse)
        assert (await manager.credentials.get("c")).fields == FIELDS


async def test_a_name_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "cloudflare")
        expected = "there is no credential 'cloudfare': did you mean 'cloudflare'?"
        for attempt in (
            manager.credentials.get("cloudfare"),
            manager.credentials.change("cloudfare", lambda found: found),
            rename_credential(manager.store, "cloudfare", "x"),
            remove_credential(manager.store, "cloudfare"),
        ):
            with pytest.raises(InvalidInputError) as caught:
                await attempt
            assert caught.value.message == expected


async def test_the_certificates_that_use_a_credential_are_known(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "one", "two", "three")
        await manager.certificates.save(certificate("b.example", "one", "two"))
        await manager.certificates.save(certificate("a.example", "one"))
        found = await credential_summaries(manager.store)
        assert {item.name: item.used_by for item in found} == {
            "one": ("a.example", "b.example"),
            "three": (),
            "two": ("b.example",),
        }
        assert await credential_users(manager.store, "two") == ("b.example",)


async def test_certificates_and_journal_follow_a_new_name(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "one", "two")
        await manager.certificates.save(certificate("a.example", "two", "one"))
        order = await manager.journal.open_trial("test")
        zone = Zone(DomainName("example.com"))
        await manager.journal.will_publish(
            [PublishedRecord(order, "rfc2136", zone, "x", "v", 60, FIELDS, credential="one")]
        )
        assert await rename_credential(manager.store, "one", "new") == ("a.example",)
        definition = (await manager.certificates.get("a.example")).definition
        assert definition == certificate("a.example", "two", "new")
        assert (await manager.credentials.get("new")).fields == FIELDS
        assert await manager.credentials.find("one") is None
        (publication,) = await manager.journal.publications(order)
        assert publication.credential == "new"


@pytest.mark.parametrize("new", ["two", "../up", "", "a b", "x" * 301])
async def test_a_new_name_that_cannot_be_is_refused(tmp_path: Path, new: str) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "one", "two")
        await manager.certificates.save(certificate("a.example", "one"))
        with pytest.raises(InvalidInputError):
            await rename_credential(manager.store, "one", new)
        assert await credential_users(manager.store, "one") == ("a.example",)


async def test_a_credential_in_use_is_removed_by_force_only(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await add(manager, "one")
        await manager.certificates.save(certificate("a.example", "one"))
        with pytest.raises(InvalidInputError, match=r"one is used by a\.example"):
            await remove_credential(manager.store, "one")
        assert await manager.credentials.find("one")
        assert await remove_credential(manager.store, "one", force=True) == ("a.example",)
        assert await manager.credentials.find("one") is None


def test_people_see_neither_secrets_nor_keys_within_urls() -> None:
    shown = Credential("c", "rfc2136", FIELDS).shown_fields()
    assert shown == {"server": "192.0.2.53", "key_name": "k", "secret": "(hidden)"}
    url = "https://me:hunter2@dns.example/"
    assert Credential("c", "acme-dns", {"server": url}).shown_fields() == {
        "server": "https://dns.example/"
    }


def test_all_fields_of_an_unknown_provider_are_hidden() -> None:
    assert Credential("c", "gone", {"token": "t", "empty": ""}).shown_fields() == {
        "token": "(hidden)",
        "empty": "",
    }
    assert Credential("c", "rfc2136", {"old": "t"}).shown_fields() == {"old": "(hidden)"}
