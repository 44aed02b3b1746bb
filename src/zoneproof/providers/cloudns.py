"""The provider for ClouDNS: records one by one, and refusals in words with status 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals

_MOST = 100  # zones on a page
_HOUR, _DAY = 3600, 86400
_TTLS = (
    *(60, 300, 900, 1800, _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(days * _DAY for days in (1, 2, 3, 7, 14, 30)),
)
_OURS = ("master", "geodns")  # types of zones that have records to change


class _Zone(msgspec.Struct):
    name: str
    type: str


class _Record(msgspec.Struct):
    id: str
    type: str
    host: str
    record: str


class ClouDns(RecordsProvider):
    """Adds and deletes TXT records. A TTL is one of those that the service has."""

    info = ProviderInfo(
        slug="cloudns",
        title="ClouDNS",
        homepage="https://www.cloudns.net/wiki/article/42/",
        fields=(
            CredentialField("auth_id", "id of an API user", default=""),
            CredentialField("sub_auth_id", "or else id of an API sub-user", default=""),
            CredentialField(
                "sub_auth_user", "or else name of an API sub-user", default="", rare=True
            ),
            CredentialField("auth_password", "password of that user", secret=True),
        ),
        key_url="https://www.cloudns.net/api-settings/",
        api_url="https://api.cloudns.net",
        limits=Limits(min_ttl=60, value_pattern=r'[^"`]*[^"`\s]'),
        notes="The API is for accounts that pay. It takes 20 requests a second and 600 a minute. A"
        " wrong password and an address that is not allowed give the same words.",
        least_privilege="An API sub-user with the zones in question delegated to it, and limited"
        " to the address of this machine.",
        name_servers=("*ns*.cloudns.net",),  # ns41, pns31, dns41, ns101
        aliases=(
            Alias(
                "certbot",
                "dns-cloudns",
                {
                    "auth_id": "auth_id",
                    "sub_auth_id": "sub_auth_id",
                    "sub_auth_user": "sub_auth_user",
                    "auth_password": "auth_password",
                },
            ),
            Alias(
                "acme.sh",
                "dns_cloudns",
                {
                    "CLOUDNS_AUTH_ID": "auth_id",
                    "CLOUDNS_SUB_AUTH_ID": "sub_auth_id",
                    "CLOUDNS_AUTH_PASSWORD": "auth_password",
                },
            ),
            Alias(
                "lego",
                "cloudns",
                {
                    "CLOUDNS_AUTH_ID": "auth_id",
                    "CLOUDNS_SUB_AUTH_ID": "sub_auth_id",
                    "CLOUDNS_AUTH_PASSWORD": "auth_password",
                },
            ),
        ),
    )
    errors = ErrorBody(
        messages=("statusDescription",),
        success=("status", "Success", None),
        phrases=(
            "invalid authentication",
            "'auth-id'",
            "missing domain-name",
            "invalid record-id",
            "request blocked",
            "your plan",
        ),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            ("invalid authentication", "'auth-id'"),
            Refusal.wrong_key(
                "it does not accept the user",
                "check id and password, and that the user may come from this machine's address",
            ),
        ),
        "missing domain-name": Refusal.no_zone("the user does not have this zone"),
        "invalid record-id": ALREADY,
        "request blocked": SLOWER,
        "your plan": Refusal.not_allowed("the plan of the account is too small"),
    }

    def __init__(self, context: ProviderContext) -> None:
        names = ("auth_id", "sub_auth_id", "sub_auth_user")
        given = {name: context.fields[name] for name in names if context.fields[name]}
        if len(given) != 1:
            raise InvalidInputError(
                "provider cloudns needs one of the fields 'auth_id', 'sub_auth_id' and"
                " 'sub_auth_user'"
            )
        self._login = {name.replace("_", "-"): value for name, value in given.items()}
        self._login["auth-password"] = context.fields["auth_password"]
        super().__init__(context, pause=0.1)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones; they are known by name."""
        found: list[_Zone] = []
        page = 1
        while len(found) == (page - 1) * _MOST:
            form = {"page": page, "rows-per-page": _MOST}
            found += self.api.read(await self._call("list-zones", form), list[_Zone])
            page += 1
        return [(one.name, "") for one in found if one.type in _OURS]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name. Without any, the answer is a list, else a map."""
        form = {"domain-name": zone.name, "host": name, "type": "TXT"}
        answer = await self._call("records", form)
        found = self.api.read(answer, dict[str, _Record] | list[_Record])  # type: ignore[arg-type]
        return [
            StoredTxt(one.id, relative_name(one.host, zone), one.record)
            for one in (found.values() if isinstance(found, dict) else found)
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        ttl = next((one for one in _TTLS if one >= record.ttl), _TTLS[-1])
        new = {"record-type": "TXT", "host": record.name, "record": record.value, "ttl": ttl}
        await self._call("add-record", {"domain-name": zone.name, **new})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self._call("delete-record", {"domain-name": zone.name, "record-id": stored.id})

    async def _call(self, what: str, form: Mapping[str, object]) -> ApiAnswer:
        return await self.api.send(
            "POST",
            f"dns/{what}.json",
            form={**self._login, **form},
            repeatable=what != "add-record",
        )
