"""The provider for Yandex Cloud DNS: changes that name what they replace."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field, url_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.rsa_key import RsaKey
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
_HOUR = 3600
_PAGES = NextWord("pageSize", 1000, at="nextPageToken", word="pageToken")
_CHANGED = Refusal.conflict("the set has changed in the meantime")
_KEY = Refusal.wrong_key(
    "it does not accept the key", "check that the authorized key exists, and this machine's clock"
)
_DENIED = Refusal.not_allowed("the service account may not do this")


class _Key(msgspec.Struct):
    """An authorized key, as its JSON file has it."""

    id: str
    service_account_id: str
    private_key: str


class _IamToken(msgspec.Struct, rename="camel"):
    iam_token: str
    expires_at: datetime


class _MachineToken(msgspec.Struct):
    access_token: str
    expires_in: int


class _RecordSet(msgspec.Struct):
    name: str
    type: str
    ttl: str | int  # 64 bits are text in this JSON
    data: list[str]


class Yandex(SetsProvider):
    """Replaces sets in one change, which is refused if one is no longer as it was read."""

    info = ProviderInfo(
        slug="yandex",
        title="Yandex Cloud DNS",
        homepage="https://yandex.cloud/en/docs/dns/",
        fields=(
            CredentialField(
                "key",
                "JSON of an authorized key of a service account, or its Base64; empty on a machine"
                " in Yandex Cloud",
                secret=True,
                default="",
            ),
            token_field("folder_id", "id of the folder with the zones", secret=False),
            url_field("iam_url", "where a key gets its token", _AUDIENCE),
            url_field("metadata_url", "where the machine's metadata is", "http://169.254.169.254"),
            ZONE_ID,
        ),
        key_url="https://console.yandex.cloud/iam/service-accounts",
        api_url="https://dns.api.cloud.yandex.net/dns/v1",
        ambient=lambda fields: not fields["key"],
        limits=Limits(value_bytes=255, value_pattern=r"[!#-:<-\[\]-~]*", values_at_name=100),
        notes="This is Yandex Cloud. Yandex's former DNS for domains (PDD, `pddimp.yandex.ru`) is"
        " closed; domains of Yandex 360 are not managed by this. How values with spaces, quotes,"
        " backslashes or semicolons are written is not documented, so they are not. The recorded"
        " exchanges are from 2022, the API's description from 2026.",
        least_privilege="A service account with the role `dns.editor` on the one zone, and"
        " `zone_id` set; on the folder, it may change all zones in it.",
        name_servers=("ns1.yandexcloud.net", "ns2.yandexcloud.net"),
        aliases=(
            Alias("acme.sh", "dns_yc", {"YC_Zone_ID": "zone_id", "YC_Folder_ID": "folder_id"}),
            Alias(
                "lego",
                "yandexcloud",
                {"YANDEX_CLOUD_IAM_TOKEN": "key", "YANDEX_CLOUD_FOLDER_ID": "folder_id"},
            ),
        ),
    )
    batches = True
    checks = False
    marked = True
    errors = ErrorBody(
        codes=("error.code", "code"),
        messages=("error.message", "message"),
        success=("error", None),
    )
    refusals: ClassVar[Refusals] = {  # by the codes of gRPC
        "5": Refusal.no_zone("it does not know the zone or the folder"),
        "7": _DENIED,
        "8": Refusal.over_quota("a quota is used up"),
        "16": _KEY,
        401: _KEY,
    }
    zone_list = ZoneList(
        "zones",
        at="dnsZones",
        absent_if_empty=True,
        query={"folderId": "{folder_id}"},
        paging=_PAGES,
        name="zone",
        id="id",
        without={"publicVisibility": None},
    )

    def __init__(self, context: ProviderContext) -> None:
        text = context.fields["key"]
        self._key, secrets = None, []
        if text:
            self._file = _key_file(text)
            self._key = RsaKey(self._file.private_key, "private_key of key")
            secrets = [self._file.private_key]
        token = BearerToken(self._sign_in, context.clock)
        super().__init__(context, token=token, secrets=secrets)

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is how it is written there."""
        whole = f"{zone.record(name)}."
        for one in await self.api.items(
            f"zones/{zone.id}:listRecordSets",
            _RecordSet,
            at="recordSets",
            absent_if_empty=True,
            query={"filter": f'name="{whole}" AND type="TXT"'},
            paging=_PAGES,
        ):
            if (one.name, one.type) == (whole, "TXT"):
                texts = msgspec.json.encode(one.data).decode()
                return TxtSet.of_quoted(one.data, int(one.ttl), texts)
        return TxtSet()

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace the sets, all of them or none."""
        old, new = [], []
        for change in changes:
            which = {"name": f"{zone.record(change.name)}.", "type": "TXT"}
            if change.old.values:
                texts = msgspec.json.decode(change.old.version)
                old.append({**which, "ttl": change.old.ttl, "data": texts})
            if change.new.values:
                known = dict(zip(change.old.values, _texts(change), strict=False))
                data = [known.get(value, value) for value in change.new.values]
                new.append({**which, "ttl": change.new.ttl, "data": data})
        conflicts: Refusals = dict.fromkeys(("5", "6", "9", "10", 404, 409), _CHANGED)
        await self.api.send(
            "POST",
            f"zones/{zone.id}:updateRecordSets",
            json={"deletions": old, "additions": new},
            also=conflicts,  # the zone was just read
        )

    async def _sign_in(self) -> tuple[str, float]:
        if self._key is None:
            base = self.fields["metadata_url"].rstrip("/")
            answer = await self.api.send(
                "GET",
                f"{base}/computeMetadata/v1/instance/service-accounts/default/token",
                headers={"Metadata-Flavor": "Google"},
                plain=True,
            )
            machine = self.api.read(answer, _MachineToken)
            return machine.access_token, machine.expires_in
        now = self.now()
        start = int(now.timestamp())
        claims = {"iss": self._file.service_account_id, "aud": _AUDIENCE, "iat": start}
        text = self._key.jwt({**claims, "exp": start + _HOUR}, "PS256", self._file.id)
        answer = await self.api.send(
            "POST",
            self.fields["iam_url"],
            json={"jwt": text},
            plain=True,
            repeatable=True,
            refusals=dict.fromkeys((400, 401, 403, 404), _KEY),
        )
        token = self.api.read(answer, _IamToken)
        return token.iam_token, min((token.expires_at - now).total_seconds(), _HOUR)


def _texts(change: SetChange) -> list[str]:
    return msgspec.json.decode(change.old.version, type=list[str]) if change.old.version else []


def _key_file(text: str) -> _Key:
    """Return the key. Raises InvalidInputError, which does not repeat it."""
    try:
        if not text.lstrip().startswith("{"):
            text = base64.b64decode("".join(text.split()), validate=True).decode()
        file = msgspec.json.decode(text, type=_Key)
    except (binascii.Error, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise InvalidInputError(
            "key is not the JSON of an authorized key of a service account: use --field key=@FILE"
        ) from error
    begin = max(file.private_key.find("-----BEGIN"), 0)  # a line of warning may stand before
    return _Key(file.id, file.service_account_id, file.private_key[begin:])
