"""The provider for DNSPod, which is Tencent Cloud's DNS: calls by name, with TC3 signatures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

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
from zoneproof.providers.paging import Offset
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

_VERSION = "2021-03-23"
_PAGES = Offset("Limit", 1000, word="Offset")
# Resolvers of every kind. The international site calls this line otherwise: the id counts.
_DEFAULT_LINE = {"RecordLine": "默认", "RecordLineId": "0"}
_KEY = Refusal.wrong_key(
    "it does not accept the secret id and key",
    "check them, that the key is enabled, and this machine's clock",
)
_FULL = Refusal.over_quota("the plan does not allow more")
_NO_ROLE = Refusal.wrong_key("this instance does not have the role")


class _Keys(msgspec.Struct, rename="pascal"):
    """A key pair, as an instance's metadata has it; ``expired_time`` is in seconds since 1970."""

    tmp_secret_id: str
    tmp_secret_key: str
    token: str = ""
    expired_time: int = 0


def _action(name: str) -> dict[str, str]:
    return {"X-TC-Action": name, "X-TC-Version": _VERSION}


class DnsPod(RecordsProvider):
    """Adds and deletes TXT records; the same one twice is refused. Refusals have status 200."""

    info = ProviderInfo(
        slug="dnspod",
        title="DNSPod (Tencent Cloud)",
        homepage="https://www.tencentcloud.com/products/dnspod",
        fields=(
            token_field("secret_id", "secret id of the key", secret=False, default=""),
            token_field("secret_key", "secret key", default="", needed_with="secret_id"),
            token_field("session_token", "token of a temporary key (STS)", default=""),
            token_field(
                "cvm_role", "role of this CVM instance, instead of a key", secret=False, default=""
            ),
            url_field(
                "metadata_url", "where the instance's metadata is", "http://metadata.tencentyun.com"
            ),
        ),
        key_url="https://console.cloud.tencent.com/cam/capi",
        api_url="https://dnspod.tencentcloudapi.com",
        limits=Limits(min_ttl=600),
        ambient=lambda fields: bool(fields["cvm_role"]),
        notes="The TTL is at least 600 seconds in the free plan, which also allows few values at"
        " one name. Tokens of DNSPod's former API (`id,token`) are not accepted: make a key of"
        " Tencent Cloud's. For an account of the international site set `api_url` to"
        " `https://dnspod.intl.tencentcloudapi.com`. The recorded exchanges are of the former"
        " API, so that nothing was compared with them.",
        least_privilege="A sub-user with a policy that allows `dnspod:DescribeDomainList` on `*`"
        " (without it zones are found in the DNS), and `dnspod:DescribeRecordList`,"
        " `dnspod:CreateRecord` and `dnspod:DeleteRecord` on"
        " `qcs::dnspod::uin/ACCOUNT:domain/DOMAIN_ID`.",
        name_servers=("*.dnspod.net", "*.dnsv?.com"),
        aliases=(Alias("acme.sh", "dns_dp"),),
    )
    keys_of_zones = True
    errors = ErrorBody(
        codes=("Response.Error.Code",),
        messages=("Response.Error.Message",),
        success=("Response.Error", None),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            (
                "AuthFailure.SecretIdNotFound",
                "AuthFailure.SignatureFailure",
                "AuthFailure.SignatureExpire",
                "AuthFailure.TokenFailure",
                "AuthFailure.InvalidSecretId",
            ),
            _KEY,
        ),
        **dict.fromkeys(
            (
                "AuthFailure.UnauthorizedOperation",
                "UnauthorizedOperation",
                "OperationDenied.NoPermissionToOperateDomain",
                "FailedOperation.NotDomainOwner",
            ),
            NOT_ALLOWED,
        ),
        **dict.fromkeys(
            (
                "InvalidParameterValue.DomainNotExists",
                "InvalidParameter.DomainIdInvalid",
                "InvalidParameter.DomainInvalid",
            ),
            NO_ZONE,
        ),
        "InvalidParameter.RecordIdInvalid": ALREADY,  # of a record that is gone
        "InvalidParameter.DomainRecordExist": ALREADY,
        **dict.fromkeys(
            ("LimitExceeded", "LimitExceeded.SubdomainRollLimit", "LimitExceeded.RecordTtlLimit"),
            _FULL,
        ),
        **dict.fromkeys(("RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded"), SLOWER),
    }
    zone_list = ZoneList(
        "",
        headers=_action("DescribeDomainList"),
        json={},
        at="Response.DomainList",
        paging=_PAGES,
        name="Punycode|Name",
        also={"ResourceNotFound.NoDataOfDomain": ALREADY},
    )
    record_list = RecordList(
        "",
        headers=_action("DescribeRecordList"),
        json={"Domain": "{zone.name}", "Subdomain": "{host}", "RecordType": "TXT"},
        at="Response.RecordList",
        paging=_PAGES,
        id="RecordId",
        name="Name",
        value="Value",
        only={"Type": "TXT"},
        also={"ResourceNotFound.NoDataOfRecord": ALREADY},
    )

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        if fields["cvm_role"]:
            token = TemporaryKey(self._role_keys, context.clock, apply=self._sign)
            super().__init__(context, token=token)
            return
        names = ("secret_id", "secret_key")
        require_fields(self.info.slug, fields, names, "on a CVM instance cvm_role")
        keys = _Keys(fields["secret_id"], fields["secret_key"], fields["session_token"])
        super().__init__(context, sign=lambda request: self._sign(request, keys))

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        new = {"Domain": zone.name.text, "SubDomain": record.name or "@", "RecordType": "TXT"}
        await self._call(
            "CreateRecord",
            {**new, **_DEFAULT_LINE, "Value": record.value, "TTL": record.ttl},
        )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        which = {"Domain": zone.name.text, "RecordId": int(stored.id)}
        await self._call("DeleteRecord", which, repeatable=True)

    async def _call(
        self, action: str, body: Mapping[str, object], *, repeatable: bool = False
    ) -> ApiAnswer:
        return await self.api.send(
            "POST",
            headers=_action(action),
            json=body,
            repeatable=repeatable,
        )

    async def _role_keys(self) -> tuple[_Keys, float]:
        """Return the instance's keys, and for how many seconds they are good."""
        base = f"{self.fields['metadata_url'].rstrip('/')}/latest/meta-data"
        answer = await self.api.send(
            "GET",
            f"{base}/cam/security-credentials/{self.fields['cvm_role']}",
            plain=True,
            refusals={404: _NO_ROLE},
        )
        keys = self.api.read(answer, _Keys)
        self.api.hide(keys.tmp_secret_key)
        self.api.hide(keys.token)
        left = keys.expired_time - self.now().timestamp()
        return keys, left

    def _sign(self, request: ApiRequest, keys: _Keys) -> ApiRequest:
        if keys.token:
            request = request.with_headers({"X-TC-Token": keys.token})
        return sign_tc3(request, "dnspod", keys.tmp_secret_id, keys.tmp_secret_key, self.now())


class TencentCloud(DnsPod):
    """The same under the name of the cloud."""

    info = replace(
        DnsPod.info,
        slug="tencentcloud",
        title="Tencent Cloud DNS",
        fields=tuple(field for field in DnsPod.info.fields if field.name != "api_url"),
        notes=f"The same provider as `dnspod`. {DnsPod.info.notes}",
        name_servers=(),
        aliases=(
            Alias(
                "certbot",
                "dns-tencentcloud",
                {"secret_id": "secret_id", "secret_key": "secret_key"},
            ),
            Alias(
                "acme.sh",
                "dns_tencent",
                {"Tencent_SecretId": "secret_id", "Tencent_SecretKey": "secret_key"},
            ),
            Alias(
                "lego",
                "tencentcloud",
                {
                    "TENCENTCLOUD_SECRET_ID": "secret_id",
                    "TENCENTCLOUD_SECRET_KEY": "secret_key",
                    "TENCENTCLOUD_SESSION_TOKEN": "session_token",
                },
            ),
        ),
    )


def sign_tc3(
    request: ApiRequest, service: str, secret_id: str, secret_key: str, now: datetime
) -> ApiRequest:
    """Return a request with a TC3-HMAC-SHA256 signature (Tencent Cloud API 3.0, signature v3).

    What is signed besides the body is its Content-Type, the host and the action.
    """
    seconds = str(int(now.timestamp()))
    scope = f"{now.astimezone(UTC):%Y-%m-%d}/{service}/tc3_request"
    signed = {
        "content-type": request.headers["Content-Type"],
        "host": urlsplit(request.url).netloc,
        "x-tc-action": request.headers["X-TC-Action"].lower(),
    }
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    digest = hashlib.sha256(request.content).hexdigest()
    query = canonical_query(request.url)
    canonical = f"{request.method}\n/\n{query}\n{lines}\n{names}\n{digest}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{hashed}"
    key = f"TC3{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part)
    signature = hmac_sha256(key, to_sign).hex()
    begin = f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}"
    return request.with_headers(
        {"X-TC-Timestamp": seconds, "Authorization": f"{begin}, Signature={signature}"}
    )
