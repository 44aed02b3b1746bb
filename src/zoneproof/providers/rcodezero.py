"""The provider for RcodeZero: sets at a name, by the part of the API that is for ACME."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_PAGES = Numbered("page_size", 100)
_EXISTS = "already exists"


class _Record(msgspec.Struct):
    content: str
    disabled: bool = False


class _RRset(msgspec.Struct):
    name: str
    type: str
    ttl: int
    records: list[_Record]


class RcodeZero(SetsProvider):
    """Reads all TXT sets of a batch's zone, and changes those of the batch in one request.

    Zones are not listed: a token for ACME may only ask whether there is one. Records that are
    disabled stay, and are no values.
    """

    info = ProviderInfo(
        slug="rcodezero",
        title="RcodeZero DNS",
        homepage="https://my.rcodezero.at/openapi",
        fields=(token_field("token", "API token with the permission ACME"),),
        key_url="https://my.rcodezero.at/enableapi",
        api_url="https://my.rcodezero.at",
        limits=Limits(only_challenges=True),
        notes="This part of the API is for names that begin with `_acme-challenge`.",
        least_privilege="A token with the permission `ACME` only, which can write no other"
        " records; others are not accepted.",
        name_servers=("*.rcode0.net",),
        aliases=(
            Alias("certbot", "dns-rcode0", {"api_key": "token"}),
            Alias("acme.sh", "dns_rcode0", {"RCODE0_API_TOKEN": "token", "RCODE0_URL": "api_url"}),
            Alias("lego", "rcodezero", {"RCODEZERO_API_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    batches = True
    marked = True
    errors = ErrorBody(messages=("message",), success=("status", "ok", None), phrases=(_EXISTS,))
    refusals: ClassVar[Refusals] = {
        403: Refusal.not_allowed(
            "the credentials do not allow this", "the token needs the permission ACME"
        ),
        _EXISTS: Refusal.conflict("another program has just added a value"),
    }

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the zone; their version is what they have besides values."""
        found = await self.api.items(
            _path(zone),
            _RRset,
            at="data",
            paging=_PAGES,
        )
        return {relative_name(one.name, zone): _txt_set(one) for one in found if one.type == "TXT"}

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Change all the sets; one that is new is added only if there is still none."""
        sets = [_change(zone, change) for change in changes]
        await self.api.send("PATCH", _path(zone), json=sets)


def _path(zone: Zone) -> str:
    return f"api/v1/acme/zones/{zone.name}/rrsets"


def _txt_set(found: _RRset) -> TxtSet:
    values = tuple(unquote_txt(one.content) for one in found.records if not one.disabled)
    disabled = [one for one in found.records if one.disabled]
    return TxtSet(values, found.ttl, msgspec.json.encode(disabled).decode() if disabled else "")


def _change(zone: Zone, change: SetChange) -> dict[str, object]:
    disabled = msgspec.json.decode(change.old.version or "[]", type=list[_Record])
    records = [*(_Record(quote_txt(value)) for value in change.new.values), *disabled]
    there = bool(change.old.values or disabled)
    return {
        "name": f"{zone.record(change.name)}.",
        "type": "TXT",
        "changetype": ("update" if there else "add") if records else "delete",
        "ttl": change.new.ttl,
        "records": records,
    }
