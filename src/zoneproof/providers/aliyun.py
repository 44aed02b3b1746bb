"""The provider for Alibaba Cloud DNS (Aliyun): calls by name, signed with an access key."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import TemporaryKey
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import require_fields, token_field, url_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import (
    ALREADY,
    NO_ZONE,
    NOT_ALLOWED,
    SLOWER,
    ErrorBody,
    Refusal,
    Refusals,
)
from zoneproof.providers.signatures import canonical_query, hmac_sha256

_VERSION = "2015-01-09"
_ZONES = Numbered("PageSize", 100, word="PageNumber")
_RECORDS = Numbered("PageSize", 500, word="PageNumber")
_KEY = Refusal.wrong_key(
    "it does not accept the access key",
    "check its id and its secret, that it is active, and this machine's clock",
)
_NO_ROLE = Refusal.wrong_key("this instance does not have the role")


class _Keys(msgspec.Struct, rename="pascal"):
    """An access key, as an instance's metadata has it."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""
    expiration: datetime | None = None


class Aliyun(RecordsProvider):
    """Adds and deletes TXT records; the same one twice is refused, and two at a time."""

    info = ProviderInfo(
        slug="aliyun",
        title="Alibaba Cloud DNS",
        homepage="https://www.alibabacloud.com/help/en/dns/",
        fields=(
            token_field("access_key_id", "id of the access key", secret=False, default=""),
            token_field(
                "secret", "secret of the access key", default="", needed_with="access_key_id"
            ),
            token_field("security_token", "token of a temporary access key (STS)", default=""),
            token_field(
                "ram_role",
                "role of this ECS instance, instead of an access key",
                secret=False,
                default="",
            ),
            url_field("metadata_url", "where the instance's metadata is", "http://100.100.100.200"),
        ),
        key_url="https://ram.console.aliyun.com/users",
        api_url="https://alidns.aliyuncs.com",
        ambient=lambda fields: bool(fields["ram_role"]),
        limits=Limits(
            value_bytes=511,
            value_pattern=r"(?:[ !#-\[\]-~]*[!#-\[\]-~])?",
            values_at_name=90,
            min_ttl=600,
        ),
        notes="The TTL is at least 600 seconds in the free edition. Values with quotes,"
        " backslashes or a space at the end are not written, because the service changes them"
        " (dnscontrol, December 2025). The recorded exchanges are from 2019 and use the"
        " former signature.",
        least_privilege="A RAM user with only this policy: the actions"
        " `alidns:DescribeDomains`, `alidns:DescribeDomainRecords`, `alidns:AddDomainRecord` and"
        " `alidns:DeleteDomainRecord`, on the resource `acs:alidns:*:*:domain/ZONE`, and in a paid"
        " edition `acs:alidns:*:*:instance/ID` (listing needs `*`; without it zones are found in"
        " the DNS).",
        name_servers=("*.hichina.com", "*.alidns.com"),
        aliases=(
            Alias(
                "certbot",
                "dns-aliyun",
                {"access_key": "access_key_id", "access_key_secret": "secret"},
            ),
            Alias("acme.sh", "dns_ali", {"Ali_Key": "access_key_id", "Ali_Secret": "secret"}),
            Alias(
                "lego",
                "alidns",
                {
                    "ALICLOUD_ACCESS_KEY": "access_key_id",
                    "ALICLOUD_SECRET_KEY": "secret",
                    "ALICLOUD_SECURITY_TOKEN": "security_token",
                    "ALICLOUD_RAM_ROLE": "ram_role",
                },
            ),
        ),
    )
    keys_of_zones = True
    at_once = 1
    errors = ErrorBody(codes=("Code",), messages=("Message",))
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            (
                "InvalidAccessKeyId.NotFound",
                "InvalidAccessKeyId.Inactive",
                "SignatureDoesNotMatch",
                "IncompleteSignature",
                "InvalidSecurityToken.Expired",
                "InvalidSecurityToken.Malformed",
                "InvalidTimeStamp.Expired",
            ),
            _KEY,
        ),
        **dict.fromkeys(("Forbidden", "Forbidden.RAM", "NoPermission"), NOT_ALLOWED),
        **dict.fromkeys(
            (
                "InvalidDomainName.NoExist",
                "InvalidDomainName.NotFound",
                "IncorrectDomainUser",
                "DomainNotFound",
            ),
            NO_ZONE,
        ),
        "DomainRecordDuplicate": ALREADY,
        "DomainRecordNotBelongToUser": ALREADY,  # what it says of a record that is gone
        "QuotaExceeded.Record": Refusal.over_quota("too many records at the name"),
        "QuotaExceeded.TTL": Refusal.over_quota(
            "the edition does not allow this TTL", "set a longer one"
        ),
        "LastOperationNotFinished": Refusal.conflict(
            "the last change is still in progress", again=True
        ),
        **dict.fromkeys(("Throttling", "Throttling.User", "Throttling.Api"), SLOWER),
    }
    zone_list = ZoneList(
        "?Action=DescribeDomains",
        at="Domains.Domain",
        paging=_ZONES,
        name="PunyCode|DomainName",
    )
    # The API finds the names that contain a name: it cannot be more exact.
    record_list = RecordList(
        "?Action=DescribeDomainRecords",
        at="DomainRecords.Record",
        query={"DomainName": "{zone.name}", "TypeKeyWord": "TXT", "RRKeyWord": "{host}"},
        id="RecordId",
        name="RR",
        value="Value",
        only={"Type": "TXT"},
        paging=_RECORDS,
    )

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        if fields["ram_role"]:
            token = TemporaryKey(self._role_keys, context.clock, apply=self._sign)
            super().__init__(context, token=token)
            return
        names = ("access_key_id", "secret")
        require_fields("aliyun", fields, names, "on an ECS instance ram_role")
        keys = _Keys(fields["access_key_id"], fields["secret"], fields["security_token"])
        super().__init__(context, sign=lambda request: self._sign(request, keys))

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        new = {"DomainName": zone.name, "RR": record.name or "@", "Type": "TXT"}
        await self._call("AddDomainRecord", {**new, "Value": record.value, "TTL": record.ttl})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self._call("DeleteDomainRecord", {"RecordId": stored.id}, repeatable=True)

    async def _call(
        self, action: str, query: Mapping[str, object], *, repeatable: bool = False
    ) -> ApiAnswer:
        return await self.api.send("POST", f"?Action={action}", query=query, repeatable=repeatable)

    async def _role_keys(self) -> tuple[_Keys, float]:
        """Return the instance's keys, and for how many seconds they are good."""
        base = f"{self.fields['metadata_url'].rstrip('/')}/latest"
        answer = await self.api.send(
            "PUT",
            f"{base}/api/token",
            headers={"X-aliyun-ecs-metadata-token-ttl-seconds": "60"},
            plain=True,
            repeatable=True,
        )
        answer = await self.api.send(
            "GET",
            f"{base}/meta-data/ram/security-credentials/{self.fields['ram_role']}",
            headers={"X-aliyun-ecs-metadata-token": answer.body.decode("ascii", "replace")},
            plain=True,
            refusals={404: _NO_ROLE},
        )
        keys = self.api.read(answer, _Keys)
        self.api.hide(keys.access_key_secret)
        self.api.hide(keys.security_token)
        left = (keys.expiration - self.now()).total_seconds() if keys.expiration else 0.0
        return keys, left

    def _sign(self, request: ApiRequest, keys: _Keys) -> ApiRequest:
        """Take the action from the query, where paths have it, into its header."""
        base, _, query = request.url.partition("?")
        action, _, rest = query.removeprefix("Action=").partition("&")
        request = ApiRequest(request.method, f"{base}?{rest}", request.headers, request.content)
        return sign_acs3(
            request,
            action,
            _VERSION,
            (keys.access_key_id, keys.access_key_secret, keys.security_token),
            self.now(),
            secrets.token_hex(16),
        )


def sign_acs3(
    request: ApiRequest,
    action: str,
    version: str,
    keys: tuple[str, str, str],
    now: datetime,
    nonce: str,
) -> ApiRequest:
    """Return a request with an ACS3-HMAC-SHA256 signature in its headers.

    As Alibaba Cloud's "V3 request structure and signature" has it. ``keys`` are the id and the
    secret of the access key, and the token of a temporary one or an empty text.
    """
    access_key_id, secret, token = keys
    headers = {
        "host": urlsplit(request.url).netloc,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(request.content).hexdigest(),
        "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({"x-acs-security-token": token} if token else {}),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    query, digest = canonical_query(request.url), headers["x-acs-content-sha256"]
    canonical = f"{request.method}\n/\n{query}\n{lines}\n{names}\n{digest}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac_sha256(secret.encode(), to_sign).hex()
    begin = f"ACS3-HMAC-SHA256 Credential={access_key_id},SignedHeaders={names}"
    del headers["host"]
    return request.with_headers({**headers, "Authorization": f"{begin},Signature={signature}"})
