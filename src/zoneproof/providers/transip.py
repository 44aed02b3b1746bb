"""The provider for TransIP: entries without ids, and tokens made with a private key."""

from __future__ import annotations

import base64
import secrets
from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import Body
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import NOT_ALLOWED, ErrorBody, Refusal, Refusals
from zoneproof.providers.rsa_key import RsaKey

_MINUTES = 30  # that a token is good for
_NOT_EDGES = r"[!-\[\]-_a-~]"  # printable, neither space, backslash nor backtick
_NEW = {"name": "{host}", "expire": "{ttl}", "type": "TXT", "content": "{value}"}


class _Token(msgspec.Struct):
    token: str


class TransIp(RecordsProvider):
    """Adds and deletes TXT entries; what is deleted is named by all that it is, with its TTL."""

    info = ProviderInfo(
        slug="transip",
        title="TransIP",
        homepage="https://api.transip.nl/rest/docs.html",
        fields=(
            CredentialField("login", "name of the account"),
            CredentialField("private_key", "private key of a key pair, in PEM", secret=True),
            CredentialField(
                "global_key",
                "whether the key pair works from every address, not from the whitelist only",
                default="true",
                choices=("true", "false"),
            ),
        ),
        key_url="https://www.transip.nl/cp/account/api/",
        api_url="https://api.transip.nl/v6",
        limits=Limits(
            value_bytes=1024,
            value_pattern=rf"(?:{_NOT_EDGES}(?:[ -\[\]-_a-~]*{_NOT_EDGES})?)?",
            min_ttl=60,
        ),
        notes="Values with a backslash, a backtick or a space at an end are not written, because"
        " the service changes them (dnscontrol, January 2024). The recorded exchanges are from"
        " 2022; acme.sh and Posh-ACME of 2026 agree, but for where an entry is deleted: as"
        " recorded here.",
        least_privilege="A key pair may do everything with the account. One that is restricted to"
        " whitelisted addresses, with `global_key=false`, is worth nothing elsewhere.",
        name_servers=("ns?.transip.net", "ns?.transip.nl", "ns?.transip.eu"),
        aliases=(
            Alias("certbot", "dns-transip", {"username": "login"}),
            Alias(
                "acme.sh",
                "dns_transip",
                {"TRANSIP_Username": "login", "TRANSIP_Token_Global_Key": "global_key"},
            ),
            Alias(
                "lego",
                "transip",
                {"TRANSIP_ACCOUNT_NAME": "login"},
                files={"TRANSIP_PRIVATE_KEY_PATH": "private_key"},
            ),
        ),
    )
    by_name = False
    at_once = 1  # a domain takes one change after the other
    errors = ErrorBody(messages=("error",))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the key",
            "check login and private_key, and global_key if the key is for some addresses only",
        ),
        403: NOT_ALLOWED,
        409: Refusal.conflict("the domain is busy with another change", again=True),
    }
    zone_list = ZoneList("domains", at="domains")
    record_list = RecordList(
        "domains/{zone.name}/dns",
        at="dnsEntries",
        id="",
        ttl="expire",
        new={"dnsEntry": _NEW},
    )

    def __init__(self, context: ProviderContext) -> None:
        self._key = RsaKey(context.fields["private_key"], "private_key")
        super().__init__(context, token=BearerToken(self._sign_in, context.clock))

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the entry that is this one."""
        entry = TxtRecord(stored.name, stored.value, stored.ttl)
        old = self.record_list.new_record(self.fields, zone, entry)
        await self.api.delete(f"domains/{zone.name}/dns", json=old)

    async def _sign_in(self) -> tuple[str, float]:
        body = Body.json(
            {
                "login": self.fields["login"],
                "nonce": secrets.token_hex(16),
                "read_only": False,
                "expiration_time": f"{_MINUTES} minutes",
                "global_key": self.fields["global_key"] == "true",
            }
        )
        signature = base64.b64encode(self._key.sign(body.content, "RS512")).decode()
        answer = await self.api.send(
            "POST", "auth", body=body, headers={"Signature": signature}, plain=True
        )
        return self.api.read(answer, _Token).token, _MINUTES * 60.0
