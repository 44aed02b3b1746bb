"""A harness for providers with an HTTP API: a provider beside a fake of that API."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar
from xml.etree import ElementTree as ET

from tests.providers.harness import (
    Failure,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
    challenge_value,
    no_sleep,
    txt,
)
from tests.support.fake_api import REFUSED, FakeApi, FakeZone, Key
from tests.support.fake_http import FakeHttpServer, Reply
from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import (
    Provider,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
    describe,
    open_provider,
)
from zoneproof.providers.fields import ZONE_ID
from zoneproof.providers.registry import load
from zoneproof.providers.set_provider import SetsProvider, WholeZoneProvider

KINDS: Mapping[str, type[ProviderError]] = {
    "credentials": ProviderCredentialsError,
    "permission": ProviderPermissionError,
    "zone": ProviderZoneError,
    "quota": ProviderQuotaError,
}
WEB_PAGE = b"<!DOCTYPE html><html><title>Welcome</title><br></html>"


class ApiDescription:
    """What to test: a provider and its fake."""

    slug: ClassVar[str]
    fake: ClassVar[type[FakeApi]]
    fields: ClassVar[Mapping[str, str]]
    root: ClassVar[str] = ""

    def make(self, context: ProviderContext) -> Provider:
        """Make the provider."""
        return open_provider(self.slug, context)

    def info(self) -> ProviderInfo:
        """Return the provider's description."""
        return describe(self.slug)

    def provider(self) -> type[Provider]:
        """Return the provider's class."""
        return load(self.slug)

    def urls(self, server: str) -> Mapping[str, str]:
        """Return the fields that lead to the fake's server."""
        if self.info().field("server"):
            return {"server": server}
        return {"api_url": server + self.root}

    def key(self, fields: Mapping[str, str]) -> str:
        """Return what the fake finds in calls with these fields.

        By default it is what a Basic authorization has, or else the first secret.
        """
        if login := getattr(self.provider(), "login", None):
            return ":".join(fields[name] for name in login)
        return next(fields[one.name] for one in self.info().fields if one.secret)

    def other(self, name: str, text: str) -> str:
        """Return another credential's field: by default another secret."""
        secret = any(one.name == name and one.secret for one in self.info().fields)
        return text[:1] + text[:0:-1] if secret else text

    def wrong(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return fields with a key that the service does not know."""
        return {
            name: text if text == (new := self.other(name, text)) else new[::-1]
            for name, text in fields.items()
        }


class ApiHarness(
    HarnessWithTypes, HarnessWithZones, HarnessWithTrouble, HarnessWithSecond, HarnessWithRefusal
):
    """A provider beside a fake of its API, with a credential that may change ``zone`` only."""

    def __init__(
        self, row: ApiDescription, api: FakeApi, server: FakeHttpServer, *, second: bool = False
    ) -> None:
        super().__init__()
        self.row, self.api, self.server = row, api, server
        self.info = row.info()
        own = {name: row.other(name, text) for name, text in row.fields.items()}
        self.fields = own if second else dict(row.fields)
        self.hidden = [
            self.fields[one.name]
            for one in self.info.fields
            if one.secret and self.fields.get(one.name)
        ]
        self.stored = self.add_zone("second.example" if second else "zone.example")
        self.zone = self.zone_of(self.stored)
        other = self.add_zone("xsecond.example" if second else "xzone.example")
        self.look_alike = self.zone_of(other)
        self.key = row.key(self.fields)
        api.keys[self.key] = Key(frozenset({self.stored.name, other.name}))

    def add_zone(self, name: str) -> FakeZone:
        return self.api.add_zone(name)

    def zone_of(self, stored: FakeZone) -> Zone:
        return Zone(DomainName.parse(stored.name), stored.id if self.has_ids else "")

    @property
    def kinds(self) -> frozenset[type[ProviderError]]:  # type: ignore[override]
        possible = [kind for name, kind in KINDS.items() if name not in self.api.impossible]
        return frozenset([*possible, ProviderError, ProviderUnavailableError])

    @property
    def has_ids(self) -> bool:
        return ZONE_ID in self.info.fields

    @property
    def overwrites(self) -> bool:
        """Whether the API replaces what it does not know to be as it was read."""
        made = self.row.provider()
        return issubclass(made, WholeZoneProvider) or (
            issubclass(made, SetsProvider) and made.checks
        )

    def make(self, timeout: float = 10.0, changed: Mapping[str, str] | None = None) -> Provider:
        fields = {**self.row.urls(self.server.url), **self.fields, **(changed or {})}
        return self.row.make(ProviderContext(fields, timeout=timeout, sleep=no_sleep))

    def open(self, *, timeout: float = 10.0, **changed: str) -> Provider:
        return self.remember(self.make(timeout, changed))

    def name(self, label: str) -> str:
        if not self.info.limits.only_challenges:
            return label
        return f"_acme-challenge.{label}" if label else "_acme-challenge"

    async def values(self, zone: Zone, name: str) -> list[str]:
        return [record.value for record in self.stored_zone(zone).at(name)]

    def stored_zone(self, zone: Zone) -> FakeZone:
        return next(one for one in self.api.zones.values() if one.name == zone.name.text)

    async def plant_value(self, name: str, value: str) -> None:
        self.api.plant(self.stored, name, value)

    async def plant_address(self, name: str) -> None:
        self.api.plant(self.stored, name, "192.0.2.1", "A")

    async def addresses(self, name: str) -> list[str]:
        return [record.value for record in self.stored.at(name, "A")]

    async def refused_record(self) -> TxtRecord:
        return txt(self.name(f"{REFUSED}-{secrets.token_hex(3)}"), challenge_value())

    def second(self) -> ApiHarness:
        other = ApiHarness(self.row, self.api, self.server, second=True)
        other._opened = self._opened  # so that they are closed with these
        return other

    async def against_silence(self) -> None:
        start = time.monotonic()
        try:
            with self.server.failing(None):
                await self.open(timeout=0.1).add(
                    self.zone, [txt(self.name("a"), challenge_value())]
                )
        finally:
            assert time.monotonic() - start < 2

    def failures(self) -> Iterable[Failure]:
        for name, attempt in {
            "credentials": self._with_wrong_key,
            "permission": self._with_read_only_key,
            "zone": self._in_unknown_zone,
            "quota": self._beyond_quota,
        }.items():
            if name not in self.api.impossible:
                words = longest_text(self.api.refuse(name))
                place = "unknown.example" if name == "zone" else self.zone.name.text
                yield Failure(KINDS[name], attempt, (self.info.title, place, words))
        echo = " ".join(["Denied", *self.hidden])
        for kind, reply, word in [
            (ProviderError, Reply(200, WEB_PAGE), "a web page"),
            (ProviderError, Reply(302, b"", {"Location": "https://elsewhere"}), "elsewhere"),
            (ProviderError, Reply(418, echo.encode()), "Denied"),
            (ProviderError, Reply(418, {"message": echo, "error": echo}), self.info.title),
            (ProviderUnavailableError, Reply(502, WEB_PAGE), "502"),
            (ProviderQuotaError, Reply(429, b"slow", {"Retry-After": "3600"}), "3600 seconds"),
        ]:
            says = (self.info.title, self.zone.name.text, word)
            yield Failure(kind, partial(self._met_by, reply), says)

    async def _with_wrong_key(self) -> None:
        await self._add(self.remember(self.make(10.0, self.row.wrong(self.fields))))

    async def _with_read_only_key(self) -> None:
        before = self.api.keys[self.key]
        self.api.keys[self.key] = Key(before.zones, read_only=True)
        try:
            await self._add(self.open())
        finally:
            self.api.keys[self.key] = before

    async def _in_unknown_zone(self) -> None:
        zone = Zone(DomainName.parse("unknown.example"), "nothing" if self.has_ids else "")
        await self.open().add(zone, [txt(self.name("a"), challenge_value())])

    async def _beyond_quota(self) -> None:
        self.api.full = True
        try:
            await self._add(self.open())
        finally:
            self.api.full = False

    async def _met_by(self, reply: Reply) -> None:
        with self.server.failing(reply):
            await self._add(self.open())

    async def _add(self, provider: Provider) -> None:
        await provider.add(self.zone, [txt(self.name("a"), challenge_value())])


def longest_text(reply: Reply) -> str:
    """Return the longest text of a refusal that is no address: that is what it says to people."""
    if not isinstance(reply.body, bytes):
        texts = [text for text in _leaves(reply.body) if not text.startswith("https://")]
        return max(texts, key=lambda text: (" " in text, len(text)))  # codes are one word
    if reply.body.lstrip()[:1] == b"<":
        try:
            return max((text.strip() for text in ET.fromstring(reply.body).itertext()), key=len)
        except ET.ParseError:  # something like XML, with words in attributes
            quoted: list[str] = re.findall(r'"([^"]*)"', reply.body.decode())
            return max(quoted, key=len)
    lines = reply.body.decode().splitlines()
    return max((line.rpartition(": ")[2] for line in lines), key=len)  # "Status-Text: words"


def _leaves(body: object) -> Iterable[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, (dict, list)):
        for one in body.values() if isinstance(body, dict) else body:
            yield from _leaves(one)
