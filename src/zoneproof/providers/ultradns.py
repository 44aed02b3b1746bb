"""The provider for UltraDNS (Vercara, DigiCert): sets, read and replaced one by one."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import (
    ALREADY,
    NO_ZONE,
    NOT_ALLOWED,
    WRONG_KEY,
    ErrorBody,
    Refusal,
    Refusals,
)
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import unquote_txt

_PAGES = NextWord("limit", 1000, at="cursorInfo.next", word="cursor")
_NO_DATA = "70002"
_THERE = "already exists"


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | str = 3600


class _RRset(msgspec.Struct, rename="camel"):
    ttl: int
    rdata: list[str]


class _Found(msgspec.Struct, rename="camel"):
    rr_sets: list[_RRset]


class UltraDns(SetsProvider):
    """Makes a set by POST, replaces it by PUT. What is not there is an error with a code."""

    info = ProviderInfo(
        slug="ultradns",
        title="UltraDNS",
        homepage="https://vercara.com/authoritative-dns",
        fields=(
            CredentialField("user", "user name"),
            CredentialField("password", "that user's password", secret=True),
        ),
        key_url="https://docs.ultradns.com",
        api_url="https://api.ultradns.com",
        limits=Limits(value_bytes=255, value_pattern=r"[!#-\[\]-~]+"),
        notes="The password is that of a portal user, so make one for this alone; with two-factor"
        " authentication there is no login. Values with spaces or quotes are refused, because"
        " sources do not say how the service cuts them.",
        least_privilege="A user of a group that may read the zones needed and read and write their"
        " records, and nothing else.",
        name_servers=("*.ultradns.net", "*.ultradns.com", "*.ultradns.org", "*.ultradns.biz"),
        aliases=(
            Alias(
                "lego",
                "ultradns",
                {
                    "ULTRADNS_USERNAME": "user",
                    "ULTRADNS_PASSWORD": "password",
                    "ULTRADNS_ENDPOINT": "api_url",
                },
            ),
        ),
    )
    errors = ErrorBody(
        codes=("0.errorCode", "errorCode"),
        messages=("0.errorMessage", "errorMessage", "error_description"),
        phrases=(_THERE,),
    )
    refusals: ClassVar[Refusals] = {
        "60001": Refusal.wrong_key("it does not accept user and password"),
        "60004": WRONG_KEY,
        "1801": NO_ZONE,
        403: NOT_ALLOWED,
        _NO_DATA: ALREADY,
        _THERE: Refusal.conflict("the set was made in the meantime"),
    }
    zone_list = ZoneList(
        "zones",
        at="zones",
        query={"q": "zone_type:PRIMARY"},
        paging=_PAGES,
        name="properties.name",
        also={_NO_DATA: ALREADY},
    )

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context, token=BearerToken(self._login, context.clock))

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the set at the name."""
        found = await self.api.find(_path(zone, name), _Found)
        if found is None:
            return TxtSet()
        values = [unquote_txt(text) for one in found.rr_sets for text in one.rdata]
        return TxtSet(tuple(values), found.rr_sets[0].ttl if values else 0)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Make, replace or delete the set."""
        path, new = _path(zone, change.name), change.new
        if not new.values:
            await self.api.delete(path)
            return
        method = "PUT" if change.old.values else "POST"
        await self.api.send(method, path, json={"ttl": new.ttl, "rdata": list(new.values)})

    async def _login(self) -> tuple[str, float]:
        form = {
            "grant_type": "password",
            "username": self.fields["user"],
            "password": self.fields["password"],
        }
        answer = await self.api.send(
            "POST", "authorization/token", form=form, plain=True, repeatable=True
        )
        token = self.api.read(answer, _Token)
        return token.access_token, float(token.expires_in)


def _path(zone: Zone, name: str) -> str:
    owner = quote(f"{zone.record(name)}.", safe="")
    return f"zones/{quote(zone.name.text, safe='')}./rrsets/TXT/{owner}"
