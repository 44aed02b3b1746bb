"""Tests of credentials for providers that publish at names of their own, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.support.challenge_config import CONFIG
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.core.errors import BusyError, InvalidInputError, ProviderUnavailableError
from zoneproof.core.names import DomainName
from zoneproof.issuance import Event, PublishedRecord, RecordPublished, RecordRemoved
from zoneproof.manager import (
    Credential,
    DnsSettings,
    Home,
    Manager,
    list_zones,
    open_manager,
    run_credential_test,
)
from zoneproof.providers import DelegatedProvider, Provider, TxtRecord, Zone, describe

AT_ONCE = DnsSettings(propagation="0")
DOMAIN = DomainName("example.com")


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    async with open_manager(Home(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[OpenRegistrations]:
    (tmp_path / "zoneproof.toml").write_text(CONFIG)
    zone = DomainName("auth.example.org")
    opened = open_registrations(tmp_path / "challenge.db", zone=zone, value_lifetime=3600)
    yield opened
    await opened.close()


@pytest.fixture
def emitted() -> list[Event]:
    return []


async def store(manager: Manager, provider: str, fields: dict[str, str]) -> Credential:
    await manager.credentials.add(Credential("c", provider, fields, AT_ONCE))
    return await manager.credentials.get("c")


async def challenge(manager: Manager, tmp_path: Path) -> Credential:
    return await store(manager, "challenge", {"config": str(tmp_path / "zoneproof.toml")})


def opened(manager: Manager, credential: Credential) -> Provider:
    return manager.providers.open(credential.provider, credential.fields)


async def register(manager: Manager, credential: Credential) -> DomainName:
    provider = opened(manager, credential)
    assert isinstance(provider, DelegatedProvider)
    found = await provider.target(DOMAIN, create=True)
    assert found
    return found


async def test_without_a_registration_it_says_what_makes_one(
    manager: Manager, service: OpenRegistrations, tmp_path: Path, emitted: list[Event]
) -> None:
    trial = await run_credential_test(manager, await challenge(manager, tmp_path), emitted.append)
    assert not trial.ok
    assert "'zoneproof issue' with this credential makes one" in trial.steps[0].message
    assert emitted == []


@pytest.mark.parametrize("zone", ["", "example.com"])
async def test_a_registration_s_name_is_written_to_and_left_empty(
    manager: Manager, service: OpenRegistrations, tmp_path: Path, emitted: list[Event], zone: str
) -> None:
    credential = await challenge(manager, tmp_path)
    name = await register(manager, credential)
    trial = await run_credential_test(manager, credential, emitted.append, zone=zone)
    assert trial.ok
    assert trial.name == name.text
    assert [step.step for step in trial.steps] == ["write", "see", "remove"]
    published, removed = (
        event for event in emitted if isinstance(event, RecordPublished | RecordRemoved)
    )
    assert (published.name, published.value) == (removed.name, removed.value)
    assert len(published.value) == 43
    assert await service.values(name.labels[0]) == []
    assert await manager.journal.certificates_to_clean() == []


async def test_a_domain_without_a_registration_is_named(
    manager: Manager, service: OpenRegistrations, tmp_path: Path, emitted: list[Event]
) -> None:
    credential = await challenge(manager, tmp_path)
    await register(manager, credential)
    trial = await run_credential_test(manager, credential, emitted.append, zone="example.net")
    assert "no registration for example.net" in trial.steps[0].message


async def test_a_value_that_a_killed_test_left_is_removed_first(
    manager: Manager, service: OpenRegistrations, tmp_path: Path, emitted: list[Event]
) -> None:
    credential = await challenge(manager, tmp_path)
    name = await register(manager, credential)
    left = PublishedRecord(
        await manager.journal.open_trial("credential test c"),
        "challenge",
        Zone(name),
        "",
        secrets.token_urlsafe(32),
        1,
        {"config": "/what/was/wrong/then"},
        credential="c",
    )
    await manager.journal.will_publish([left])
    await opened(manager, credential).add(left.zone, [TxtRecord("", left.value, 1)])
    assert len(await service.values(name.labels[0])) == 1
    assert (await run_credential_test(manager, credential, emitted.append)).ok
    assert await service.values(name.labels[0]) == []
    assert await manager.store.read(lambda tx: tx.query("SELECT * FROM orders")) == []


async def test_a_test_holds_the_places_at_a_name_only_while_it_runs(manager: Manager) -> None:
    zone, label = Zone(DomainName("r.auth.example.net")), "credential test c"

    async def publication(certificate: str) -> PublishedRecord:
        order = await manager.journal.open_trial(certificate)
        return PublishedRecord(order, "acme-dns", zone, "", secrets.token_urlsafe(32), 1, {})

    await manager.journal.will_publish([await publication(label)])
    other = [await publication("example.com")]
    with manager.home.lock(label):
        assert await manager.journal.will_publish(other, alone_at={zone.name}) == {zone.name}
    assert await manager.journal.will_publish(other, alone_at={zone.name}) == set()


async def test_listed_zones_are_shown_and_chosen_from(
    manager: Manager, service: OpenRegistrations, tmp_path: Path, emitted: list[Event]
) -> None:
    trial = await list_zones(
        manager.providers, manager.credentials, await challenge(manager, tmp_path)
    )
    assert trial.ok
    assert trial.steps[0].message == "auth.example.org"


async def test_what_a_person_does_is_not_tested(manager: Manager, emitted: list[Event]) -> None:
    trial = await run_credential_test(manager, await store(manager, "manual", {}), emitted.append)
    assert trial.ok
    assert "nothing to test" in trial.note


class Listing:
    """A provider that lists zones and cannot be reached when it should write."""

    def __init__(self, real: Provider, *names: str) -> None:
        self.info = real.info
        self.names = names
        self.removed: list[tuple[str, str]] = []

    async def zones(self) -> list[Zone]:
        return [Zone(DomainName(name)) for name in self.names]

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        raise ProviderUnavailableError("nobody answers")

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        self.removed += [(zone.name.text, one.name) for one in records]

    async def close(self) -> None:
        pass


@pytest.fixture
async def listing(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> tuple[Credential, Listing]:
    credential = await store(manager, "rfc2136", {"server": "127.0.0.1"})
    provider = Listing(opened(manager, credential), "b.example", "a.example")
    monkeypatch.setattr(manager.providers, "open", lambda *_: provider)
    return credential, provider


async def test_after_a_write_that_may_have_happened_the_value_is_removed(
    manager: Manager, listing: tuple[Credential, Listing], emitted: list[Event]
) -> None:
    trial = await run_credential_test(manager, listing[0], emitted.append)
    assert [(step.step, step.ok) for step in trial.steps] == [("write", False), ("remove", True)]
    assert listing[1].removed == [("a.example", "_zoneproof-test")]
    assert trial.zone == "a.example"


async def test_the_zone_that_is_asked_for_is_used(
    manager: Manager, listing: tuple[Credential, Listing], emitted: list[Event]
) -> None:
    trial = await run_credential_test(manager, listing[0], emitted.append, zone="B.example.")
    assert trial.name == "_zoneproof-test.b.example"
    with pytest.raises(InvalidInputError, match=r"no zone c\.example; it has a\.example, b\.exam"):
        await run_credential_test(manager, listing[0], emitted.append, zone="c.example")


async def test_a_service_for_challenges_alone_gets_one(
    manager: Manager, listing: tuple[Credential, Listing], emitted: list[Event]
) -> None:
    listing[1].info = describe("rcodezero")
    trial = await run_credential_test(manager, listing[0], emitted.append)
    assert trial.name == "_acme-challenge.zoneproof-test.a.example"
    assert listing[1].removed == [("a.example", "_acme-challenge.zoneproof-test")]


async def test_two_tests_of_one_credential_exclude_each_other(
    manager: Manager, listing: tuple[Credential, Listing], emitted: list[Event]
) -> None:
    with manager.home.lock("credential test c"), pytest.raises(BusyError, match="test c"):
        await run_credential_test(manager, listing[0], emitted.append)
