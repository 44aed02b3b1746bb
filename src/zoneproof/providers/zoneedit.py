"""The provider for ZoneEdit: TXT values that can be created and deleted, but not read."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

_CREATE = "txt-create.php"
_ERROR = re.compile(r'<ERROR CODE="(\d+)"[^>]*? TEXT="([^"]*)"')


class _Errors(ErrorBody):
    """Reads ``ERROR`` and ``SUCCESS``, which are not closed and so no XML."""

    def read(self, status: int, body: bytes) -> Problem | None:
        text = body.decode("utf-8", "replace")
        if found := _ERROR.search(text):
            return Problem(found[2], (found[1],))
        return None if status >= 400 or "<SUCCESS CODE=" in text else Problem("")


class ZoneEdit(ApiProvider):
    """Creates a value once, as far as this process knows, and begins a request each ten seconds."""

    info = ProviderInfo(
        slug="zoneedit",
        title="ZoneEdit",
        homepage="https://www.zoneedit.com",
        fields=(
            CredentialField("user", "name of the account"),
            token_field("token", "dynamic authentication token of the domain"),
        ),
        key_url="https://cp.zoneedit.com/manage/domains/",
        api_url="https://dynamic.zoneedit.com",
        default_ttl=300,
        limits=Limits(has_ttl=False, value_bytes=255),
        notes="The API makes and deletes TXT values, and lists none. It takes a request in ten"
        " seconds, so certificates with many names need minutes. Each domain has a token of its"
        " own: make a credential for each. Sources: clients of 2026.",
        least_privilege="The token of a domain may change its dynamic records only.",
        aliases=(
            Alias("acme.sh", "dns_zoneedit", {"ZONEEDIT_ID": "user", "ZONEEDIT_Token": "token"}),
            Alias("lego", "zoneedit", {"ZONEEDIT_USER": "user", "ZONEEDIT_AUTH_TOKEN": "token"}),
        ),
    )
    errors = _Errors()
    login = ("user", "token")
    at_once = 1
    pause = 10.5
    refusals: ClassVar[Refusals] = {
        "702": Refusal.over_quota("less than ten seconds between requests", again=True),
        "708": Refusal.wrong_key(
            "it does not accept user and token",
            "use the dynamic authentication token of this domain",
        ),
    }
    zone_list = None  # the API lists nothing

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._created: set[tuple[str, str]] = set()

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await one_by_one(partial(self._change, _CREATE), zone, records)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await one_by_one(partial(self._change, "txt-delete.php"), zone, records)

    async def _change(self, path: str, zone: Zone, record: TxtRecord) -> None:
        host, create = zone.record(record.name).text, path == _CREATE
        query = {"host": host if record.name else f"@.{host}", "rdata": record.value}

        async def look() -> Coroutine[Any, Any, None]:
            return self._send(path, query)

        async with self._hold(zone, [record.name]):
            if create and (host, record.value) in self._created:
                return
            await self._converge(zone, look, sure=True)
            (self._created.add if create else self._created.discard)((host, record.value))

    async def _send(self, path: str, query: Mapping[str, object]) -> None:
        await self.api.send("GET", path, query=query, repeatable=False)
