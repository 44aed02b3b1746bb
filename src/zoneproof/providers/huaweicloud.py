"""The provider for Huawei Cloud DNS: sets with ids, asked for with AK/SK signatures."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import TemporaryKey
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import (
    ZONE_ID,
    CredentialField,
    require_fields,
    token_field,
    url_field,
)
from zoneproof.providers.lists import ZoneList, relative_name
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import NO_ZONE, NOT_ALLOWED, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.signatures import canonical_query, hmac_sha256

_PAGES = Offset("limit", 500)
_PAUSE = 0.6  # seconds between requests: 100 in a minute are allowed
_CNAME = "type 'CNAME'"  # in the message of DNS.0312
_CHANGED = Refusal.conflict("the set has changed in the meantime")
_NO_AGENCY = Refusal.wrong_key("this instance has no agency")


class _Keys(msgspec.Struct):
    """A key pair, as a machine's metadata has it; ``securitytoken`` only of a temporary one."""

    access: str
    secret: str
    securitytoken: str = ""
    expires_at: datetime | None = None


class _Metadata(msgspec.Struct):
    credential: _Keys


class _RecordSet(msgspec.Struct):
    id: str
    name: str
    type: str
    ttl: int
    records: list[str]


class HuaweiCloud(SetsProvider):
    """Makes a set, or replaces and deletes it by its id; there is no mark of a set's state."""

    info = ProviderInfo(
        slug="huaweicloud",
        title="Huawei Cloud DNS",
        homepage="https://support.huaweicloud.com/intl/en-us/api-dns/",
        fields=(
            token_field("access_key_id", "access key (AK)", secret=False, default=""),
            token_field(
                "secret_access_key", "secret key (SK)", default="", needed_with="access_key_id"
            ),
            CredentialField(
                "identity",
                "a key, or the agency of this ECS instance",
                default="key",
                choices=("key", "agency"),
            ),
            token_field(
                "region",
                "region whose API is asked; public zones are in all of them",
                secret=False,
                default="ap-southeast-1",
            ),
            token_field("project_id", "project, for a key with several", secret=False, default=""),
            url_field("api_url", "where the API is; the region's if empty"),
            url_field("metadata_url", "where the instance's metadata is", "http://169.254.169.254"),
            ZONE_ID,
        ),
        key_url="https://console-intl.huaweicloud.com/iam/#/myCredential/accessKey",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]*"),
        notes="A user may send 100 requests in a minute, so an order of many names takes a while."
        " Values with a quote or a backslash are not written: dnscontrol found in May 2026 that"
        " they are changed.",
        ambient=lambda fields: fields["identity"] == "agency",
        least_privilege="An IAM user or agency with a custom policy of the actions"
        " `dns:zone:list`, `dns:recordset:list`, `dns:recordset:create`, `dns:recordset:update`"
        " and `dns:recordset:delete`.",
        name_servers=("ns*.huaweicloud-dns.*", "*.hwclouds-dns.com", "*.hwclouds-dns.net"),
        aliases=(
            Alias("acme.sh", "dns_huaweicloud"),
            Alias(
                "lego",
                "huaweicloud",
                {
                    "HUAWEICLOUD_ACCESS_KEY_ID": "access_key_id",
                    "HUAWEICLOUD_SECRET_ACCESS_KEY": "secret_access_key",
                    "HUAWEICLOUD_REGION": "region",
                },
            ),
        ),
    )
    marked = True
    errors = ErrorBody(
        codes=("code", "error_code"), messages=("message", "error_msg"), phrases=(_CNAME,)
    )
    refusals: ClassVar[Refusals] = {
        "APIGW.0301": Refusal.wrong_key(
            "it does not accept the key",
            "check access_key_id and secret_access_key, and this machine's clock",
        ),
        "APIGW.0302": NOT_ALLOWED,
        **dict.fromkeys(("APIGW.0308", "DNS.0014"), SLOWER),
        "DNS.0302": NO_ZONE,
        "DNS.0403": Refusal.over_quota("the account has too many record sets"),
        **dict.fromkeys(("DNS.0312", "DNS.0313", "DNS.0335"), _CHANGED),
        "DNS.0314": Refusal.conflict("its last change is not done yet", again=True),
        _CNAME: Refusal(
            ProviderError, "there is a CNAME", "remove it, or let it lead to a zone of its own"
        ),
    }
    zone_list = ZoneList("v2/zones", at="zones", id="id", query={"type": "public"}, paging=_PAGES)

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        url = fields["api_url"] or f"https://dns.{fields['region']}.myhuaweicloud.com"
        options: dict[str, Any] = {"base_url": url, "pause": _PAUSE}
        if fields["identity"] == "agency":
            options["token"] = TemporaryKey(self._agency_keys, context.clock, apply=self._sign)
        else:
            names = ("access_key_id", "secret_access_key")
            require_fields("huaweicloud", fields, names, "identity=agency")
            keys = _Keys(fields["access_key_id"], fields["secret_access_key"])
            options["sign"] = lambda request: self._sign(request, keys)
        if fields["project_id"]:
            options["headers"] = {"X-Project-Id": fields["project_id"]}
        super().__init__(context, **options)

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is its id."""
        query = {"type": "TXT", "name": f"{zone.record(name)}.", "search_mode": "equal"}
        path = f"v2/zones/{zone.id}/recordsets"
        for one in await self.api.items(
            path, _RecordSet, at="recordsets", query=query, paging=_PAGES
        ):
            if one.type == "TXT" and relative_name(one.name, zone) == name:
                return TxtSet.of_quoted(one.records, one.ttl, one.id)
        return TxtSet()

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Make, replace or delete the TXT set at the name."""
        path = f"v2/zones/{zone.id}/recordsets"
        if not change.new.values:
            await self.api.delete(f"{path}/{change.old.version}")
            return
        new = {
            "name": f"{zone.record(change.name)}.",
            "type": "TXT",
            "ttl": change.new.ttl,
            "records": change.new.quoted,
        }
        if change.old.values:
            await self.api.send("PUT", f"{path}/{change.old.version}", json=new)
        else:
            await self.api.send("POST", path, json=new)

    async def _agency_keys(self) -> tuple[_Keys, float]:
        """Return the instance's keys, and for how many seconds they are good."""
        base = self.fields["metadata_url"].rstrip("/")
        answer = await self.api.send(
            "PUT",
            f"{base}/meta-data/latest/api/token",
            headers={"X-Metadata-Token-Ttl-Seconds": "60"},
            plain=True,
            repeatable=True,
            expected=(200, 404, 405),  # instances without the newer kind of metadata
        )
        mark = answer.body.decode("ascii", "replace") if answer.status == 200 else ""
        answer = await self.api.send(
            "GET",
            f"{base}/openstack/latest/securitykey",
            headers={"X-Metadata-Token": mark} if mark else None,
            plain=True,
            refusals=dict.fromkeys((401, 404), _NO_AGENCY),
        )
        keys = self.api.read(answer, _Metadata).credential
        self.api.hide(keys.secret)
        self.api.hide(keys.securitytoken)
        left = (keys.expires_at - self.now()).total_seconds() if keys.expires_at else 0.0
        return keys, left

    def _sign(self, request: ApiRequest, keys: _Keys) -> ApiRequest:
        if keys.securitytoken:
            request = request.with_headers({"X-Security-Token": keys.securitytoken})
        return sign_sdk(request, keys.access, keys.secret, self.now())


def sign_sdk(request: ApiRequest, access_key: str, secret_key: str, now: datetime) -> ApiRequest:
    """Return a request with an SDK-HMAC-SHA256 signature (Huawei Cloud's AK/SK signing).

    What is signed besides method, path, query and body is the host and the date.
    """
    parts = urlsplit(request.url)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = quote(unquote(parts.path), safe="/~").rstrip("/") + "/"
    names, lines = "host;x-sdk-date", f"host:{parts.netloc}\nx-sdk-date:{stamp}\n"
    digest = hashlib.sha256(request.content).hexdigest()
    query = canonical_query(request.url)
    canonical = f"{request.method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac_sha256(secret_key.encode(), f"SDK-HMAC-SHA256\n{stamp}\n{hashed}").hex()
    begin = f"SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}"
    return request.with_headers(
        {"X-Sdk-Date": stamp, "Authorization": f"{begin}, Signature={signature}"}
    )
