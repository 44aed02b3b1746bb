"""The challenge provider on the database of a challenge service: the contract and its own rules."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsInTheMiddle,
    FailsWell,
    IsSureOfRefusals,
    KeepsOtherValues,
    SharesNothing,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.harness import (
    Failure,
    Harness,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    challenge_value,
    check_message,
    closing,
    txt,
)
from tests.support.challenge_config import CONFIG
from tests.support.opened_service import OpenRegistrations, open_registrations
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import ConfigError, InvalidInputError, ProviderError, ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import DelegatedProvider, ProviderContext, TxtRecord, Zone, open_provider
from zoneproof.providers.challenge import ChallengeService

DOMAIN = DomainName.parse("example.com")


class ChallengeHarness(HarnessWithTrouble, HarnessWithSecond, HarnessWithRefusal):
    """The provider beside a service, whose database the tests read through its own code."""

    kinds: ClassVar = frozenset({ProviderError, ProviderZoneError})

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.config = folder / "zoneproof.toml"
        self.config.write_text(CONFIG)
        self.zone = Zone(DomainName.parse("auth.example.org"))
        self.store = MemoryRegistrations()
        self.service: OpenRegistrations = open_registrations(
            folder / "challenge.db", zone=self.zone.name, value_lifetime=3600
        )

    def make(self) -> ChallengeService:
        context = ProviderContext({"config": str(self.config)}, registrations=self.store)
        opened = open_provider("challenge", context)
        assert isinstance(opened, ChallengeService)
        return opened

    def open(self) -> ChallengeService:
        provider = self.make()
        self.remember(provider)
        return provider

    async def close(self) -> None:
        await super().close()
        await self.service.close()

    async def new_name(self) -> str:
        domain = DomainName.parse(f"{secrets.token_hex(6)}.example.com")
        target = await self.open().target(domain, create=True)
        assert target is not None
        return target.relative_to(self.zone.name)

    async def values(self, zone: Zone, name: str) -> list[str]:
        return [value for value, _ in await self.service.values(name)]

    async def refused_record(self) -> TxtRecord:
        return txt(await self.new_name(), "too short")

    def failures(self) -> Iterable[Failure]:
        provider = self.open()

        def add(kind: type[ProviderError], zone: str, name: str, value: str, word: str) -> Failure:
            at = Zone(DomainName.parse(zone))
            says = ("challenge", str(self.config), zone, word)
            return Failure(kind, lambda: provider.add(at, [txt(name, value)]), says)

        value = challenge_value()
        yield add(ProviderZoneError, "example.com", "_acme-challenge", value, "auth.example.org")
        yield add(ProviderZoneError, "static.example.org", "name", value, "auth.example.org")
        yield add(ProviderZoneError, "auth.example.org", "a.b", value, "only")
        yield add(ProviderZoneError, "auth.example.org", "", value, "only")
        yield add(ProviderZoneError, "auth.example.org", "nobody", value, "no registration")

        async def too_short() -> None:
            await provider.add(self.zone, [txt(await self.new_name(), "short")])

        yield Failure(ProviderError, too_short, ("challenge", "auth.example.org", "43"))

    async def against_silence(self) -> None:
        raise AssertionError("a database file has no silence")

    def second(self) -> Harness:
        folder = self.folder / "second"
        folder.mkdir()
        return ChallengeHarness(folder)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[ChallengeHarness]:
    async with closing(ChallengeHarness(tmp_path)) as made:
        yield made


class TestContract(
    KeepsOtherValues,
    ChangesNothingTwice,
    TakesBatches,
    FailsInTheMiddle,
    IsSureOfRefusals,
    TakesManyAtOnce,
    FailsWell,
    SharesNothing,
):
    """No other types, zones and texts: the service has TXT values of dns-01 only; no network."""


async def test_a_domain_is_registered_once_with_its_name_as_note(
    harness: ChallengeHarness,
) -> None:
    provider = harness.open()
    assert isinstance(provider, DelegatedProvider)
    wildcard = DomainName.parse("*.example.com")
    targets = await asyncio.gather(
        *(provider.target(name, create=True) for name in [DOMAIN, wildcard] * 10)
    )
    assert len(set(targets)) == 1
    (registration,) = await harness.service.page()
    assert registration.note == "example.com"
    assert targets[0] == DomainName.parse(f"{registration.subdomain}.auth.example.org")


async def test_a_process_that_was_slower_takes_back_its_registration(
    harness: ChallengeHarness,
) -> None:
    providers = [harness.open() for _ in range(4)]
    targets = await asyncio.gather(*(one.target(DOMAIN, create=True) for one in providers))
    assert len(set(targets)) == 1
    assert len(await harness.service.page()) == 1


async def test_without_create_nothing_is_registered(harness: ChallengeHarness) -> None:
    assert await harness.open().target(DOMAIN, create=False) is None
    assert await harness.service.page() == []


async def test_a_value_is_removed_by_a_new_process_also_after_its_registration_went(
    harness: ChallengeHarness,
) -> None:
    name, value = await harness.new_name(), challenge_value()
    await harness.open().add(harness.zone, [txt(name, value)])
    await harness.open().remove(harness.zone, [txt(name, value)])
    assert await harness.values(harness.zone, name) == []
    await harness.service.delete(name)
    await harness.open().remove(harness.zone, [txt(name, value)])
    await harness.open().remove(harness.zone, [txt(name, "what never was a value")])


async def test_its_zones_are_those_with_registrations(harness: ChallengeHarness) -> None:
    assert await harness.open().zones() == [harness.zone]


@pytest.fixture
def config_alone(tmp_path: Path) -> Path:
    config = tmp_path / "zoneproof.toml"
    config.write_text(CONFIG)
    return config


async def test_a_database_that_does_not_exist_is_not_made(config_alone: Path) -> None:
    context = ProviderContext({"config": str(config_alone)}, registrations=MemoryRegistrations())
    provider = open_provider("challenge", context)
    assert isinstance(provider, DelegatedProvider)
    with pytest.raises(ProviderError, match="zoneproof challenge serve") as caught:
        await provider.target(DOMAIN, create=True)
    check_message(caught.value, [])
    assert os.listdir(config_alone.parent) == [config_alone.name]  # noqa: PTH208


def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        open_provider("challenge", ProviderContext({"config": str(tmp_path / "missing.toml")}))
    with pytest.raises(InvalidInputError, match="absolute"):
        open_provider("challenge", ProviderContext({"config": "zoneproof.toml"}))
