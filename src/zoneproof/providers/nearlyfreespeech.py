"""The provider for NearlyFreeSpeech.NET: records by their values, requests signed with the time."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar
from urllib.parse import urlsplit

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals


class NearlyFreeSpeech(RecordsProvider):
    """Adds and deletes TXT records by name and value, which is as it is; zones are not listed."""

    info = ProviderInfo(
        slug="nearlyfreespeech",
        title="NearlyFreeSpeech.NET",
        homepage="https://members.nearlyfreespeech.net/wiki/API/Reference",
        fields=(
            token_field("login", "member login", secret=False),
            token_field("api_key", "API key"),
        ),
        key_url="https://members.nearlyfreespeech.net/profile",
        api_url="https://api.nearlyfreespeech.net",
        default_ttl=300,
        limits=Limits(min_ttl=180),
        notes="Requests are signed with the time: this machine's clock may not be more than five"
        " seconds off. The key is made in the profile, under Actions.",
        least_privilege="A membership has one key, which may do everything that the API can; keep"
        " it on this machine only.",
        name_servers=("ns.*.nearlyfreespeech.net",),
        aliases=(
            Alias(
                "lego",
                "nearlyfreespeech",
                {"NEARLYFREESPEECH_LOGIN": "login", "NEARLYFREESPEECH_API_KEY": "api_key"},
            ),
        ),
    )
    by_name = False
    errors = ErrorBody(messages=("debug", "error"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the credentials",
            "check login, key and this machine's clock, which may be five seconds off",
        ),
    }
    record_list = RecordList("dns/{zone.name}/listRRs", form={"type": "TXT"}, id="", value="data")

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        new = {"name": record.name, "type": "TXT", "data": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"dns/{zone.name}/addRR", form=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Remove the record by its name and value."""
        await self.api.send(
            "POST",
            f"dns/{zone.name}/removeRR",
            form={"name": stored.name, "type": "TXT", "data": stored.value},
            repeatable=True,
            also={404: ALREADY},
        )

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        stamp, salt = int(self.now().timestamp()), secrets.token_hex(8)
        value = authentication(request, self.fields["login"], self.fields["api_key"], stamp, salt)
        return request.with_headers({"X-NFSN-Authentication": value})


def authentication(request: ApiRequest, login: str, key: str, stamp: int, salt: str) -> str:
    """Return the header that signs a request: its path, its body and the time."""
    begin, path = f"{login};{stamp};{salt}", urlsplit(request.url).path
    return f"{begin};{_sha1(f'{begin};{key};{path};{_sha1(request.content)}'.encode())}"


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()  # noqa: S324  # the API's choice
