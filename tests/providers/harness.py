"""A harness: a provider together with the server that it changes, for the contract's tests."""

from __future__ import annotations

import asyncio
import base64
import secrets
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderZoneError,
)
from zoneproof.providers import Provider, TxtRecord, Zone

TTL = 60
LONGEST_MESSAGE = 600


async def no_sleep(seconds: float) -> None:
    """Pass the time between attempts at once."""
    await asyncio.sleep(0)


def challenge_value() -> str:
    """Return a new value of the form that dns-01 has."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def txt(name: str, value: str) -> TxtRecord:
    """Return a record with the tests' TTL."""
    return TxtRecord(name, value, TTL)


H = TypeVar("H", bound="Harness")


@dataclass(frozen=True)
class Failure:
    """Something that must fail: with which error, and which words its message must hold.

    ``says`` names the provider, the zone and what the provider itself said.
    """

    kind: type[ProviderError]
    attempt: Callable[[], Awaitable[object]]
    says: Sequence[str]


class Harness(ABC):
    """A provider together with the server on which its work can be seen."""

    zone: Zone
    hidden: Sequence[str] = ()  # the secrets among the credentials

    def __init__(self) -> None:
        self._opened: list[Provider] = []

    @abstractmethod
    def make(self) -> Provider:
        """Make the provider with credentials that may change ``zone``."""

    def open(self) -> Provider:
        """Make the provider; :meth:`close` closes it."""
        return self.remember(self.make())

    def remember(self, provider: Provider) -> Provider:
        """Close this provider too in :meth:`close`."""
        self._opened.append(provider)
        return provider

    async def close(self) -> None:
        """Close what was opened. The fixture ``harness`` calls this at its end."""
        for provider in self._opened:
            await provider.close()

    def name(self, label: str) -> str:
        """Return a label as a name of ``zone``, or one with it that the service takes."""
        return label

    async def new_name(self) -> str:
        """Return a name, relative to ``zone``, at which nothing is yet."""
        return f"_acme-challenge.{secrets.token_hex(6)}"

    @abstractmethod
    async def values(self, zone: Zone, name: str) -> list[str]:
        """Return the TXT values that the server has at the name."""

    async def plant_value(self, name: str, value: str) -> None:
        """Put another's TXT value at a name of ``zone``, without the provider if that can be."""
        await self.open().add(self.zone, [txt(name, value)])

    async def has_records(self, name: str) -> bool:
        """Tell whether any record, or an empty set of some type, stands at a name of ``zone``."""
        return bool(await self.values(self.zone, name))


class HarnessWithRefusal(Harness):
    """For services that refuse a record of a batch and would take the others."""

    @abstractmethod
    async def refused_record(self) -> TxtRecord:
        """Return a record of ``zone`` that the service does not take; nothing is at its name."""


@asynccontextmanager
async def closing(harness: H) -> AsyncIterator[H]:
    """Close the harness's providers at the end of the block."""
    try:
        yield harness
    finally:
        await harness.close()


class HarnessWithTypes(Harness):
    """For servers that have more than TXT records."""

    @abstractmethod
    async def plant_address(self, name: str) -> None:
        """Put an A record 192.0.2.1 at a name of ``zone``."""

    @abstractmethod
    async def addresses(self, name: str) -> list[str]:
        """Return the A records at a name of ``zone``."""


class HarnessWithZones(Harness):
    """For servers that have a second zone whose name looks as if it held the first one's names."""

    look_alike: Zone  # such as xzone.example when zone is zone.example, or a child of it


class HarnessWithTrouble(Harness):
    """For providers whose failures can be brought about."""

    kinds: ClassVar[frozenset[type[ProviderError]]] = frozenset(
        {
            ProviderCredentialsError,
            ProviderPermissionError,
            ProviderZoneError,
            ProviderQuotaError,
        }
    )

    @abstractmethod
    def failures(self) -> Iterable[Failure]:
        """Return everything that can go wrong; each of ``kinds`` at least once."""

    @abstractmethod
    async def against_silence(self) -> None:
        """Try a change, with a deadline of at most a second, on what never answers."""


class HarnessWithSecond(Harness):
    """For providers of which a second credential, for another zone, can be had."""

    @abstractmethod
    def second(self) -> Harness:
        """Return a harness with another credential, which may change its own zone only."""


def check_message(error: BaseException, hidden: Iterable[str]) -> None:
    """Check that an error is one short printable line and that nothing of it shows a secret."""
    text = str(error)
    assert text
    assert text.isprintable(), repr(text)
    assert len(text) <= LONGEST_MESSAGE
    everything = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
    for secret in hidden:
        assert secret not in everything
