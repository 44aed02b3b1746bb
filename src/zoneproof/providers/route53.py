"""The provider for Amazon Route 53: sets, of which a change says what it found, so none is lost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar
from urllib.parse import quote
from xml.etree import ElementTree as ET

from zoneproof.core.errors import ProviderError, ProviderPermissionError
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.aws_credentials import AwsCredentials, AwsKeys, sign
from zoneproof.providers.bearer_token import TemporaryKey
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field, url_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import SLOWER, WRONG_KEY, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_SPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
_FEW = 5  # names that are read one by one; for more, the whole zone is listed
_POLLS, _POLL = 30, 2.0  # times, and seconds between them
_DENIED = Refusal.not_allowed("the policy of these keys does not allow this")
_CHANGED = Refusal.conflict("the records have changed in the meantime")
_FULL = Refusal.over_quota("there are too many records")
_RACES = ("but it already exists", "but it was not found", "do not match the current")
_POLICY = """This policy; put the zone's id and the domains into it, or use `*` for all zones:

```json
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["route53:ListHostedZones", "route53:GetChange"],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": "route53:ListResourceRecordSets",
      "Resource": "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
    },
    {
      "Effect": "Allow",
      "Action": "route53:ChangeResourceRecordSets",
      "Resource": "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ",
      "Condition": {
        "ForAllValues:StringEquals": {
          "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]
        },
        "ForAllValues:StringLike": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.*"]
        }
      }
    }
  ]
}
```"""


class Route53(SetsProvider):
    """Reads the sets of a batch, and changes all of them in one transaction.

    A change deletes the set as it was read, and creates the new one: it fails if the set is
    another one by now.
    """

    info = ProviderInfo(
        slug="route53",
        title="Amazon Route 53",
        homepage="https://aws.amazon.com/route53/",
        fields=(
            token_field("access_key_id", "id of the access key", secret=False, default=""),
            CredentialField(
                "secret_access_key",
                "the key itself",
                secret=True,
                default="",
                needed_with="access_key_id",
            ),
            token_field("session_token", "session token of a temporary key", default=""),
            CredentialField(
                "profile", "profile in ~/.aws/credentials and ~/.aws/config", default="", rare=True
            ),
            CredentialField("role_arn", "role to assume (its ARN)", default="", rare=True),
            CredentialField("external_id", "external id of that role", default="", rare=True),
            ZONE_ID,
            CredentialField(
                "region", "region that requests are signed for", default="us-east-1", rare=True
            ),
            url_field("sts_url", "where roles are assumed", "https://sts.amazonaws.com/"),
        ),
        key_url="https://console.aws.amazon.com/iam/home#/users",
        api_url="https://route53.amazonaws.com/2013-04-01",
        limits=Limits(value_bytes=3900),  # 4,000 with quotes
        ambient=lambda fields: not fields["access_key_id"],
        notes="Without a key and without a profile, the machine's own role is used: of a pod (web"
        " identity), a container, or an instance; no key has to be kept then. All accounts have 5"
        " requests a second; the values of an order for one zone are one change. Private zones are"
        " left out. For China set `api_url` to `https://route53.amazonaws.com.cn/2013-04-01`,"
        " `sts_url` to `https://sts.cn-northwest-1.amazonaws.com.cn/` and `region` to"
        " `cn-northwest-1`.",
        least_privilege=_POLICY,
        name_servers=tuple(f"ns-*.awsdns-??.{end}" for end in ("com", "net", "org", "co.uk")),
        aliases=(
            Alias("certbot", "dns-route53"),
            Alias(
                "acme.sh",
                "dns_aws",
                {
                    "AWS_ACCESS_KEY_ID": "access_key_id",
                    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
                    "AWS_SESSION_TOKEN": "session_token",
                },
            ),
            Alias(
                "lego",
                "route53",
                {
                    "AWS_ACCESS_KEY_ID": "access_key_id",
                    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
                    "AWS_SESSION_TOKEN": "session_token",
                    "AWS_PROFILE": "profile",
                    "AWS_ASSUME_ROLE_ARN": "role_arn",
                    "AWS_EXTERNAL_ID": "external_id",
                    "AWS_HOSTED_ZONE_ID": "zone_id",
                },
            ),
        ),
    )
    batches = True
    most = 200  # a request may have 32,000 characters of values, each counted twice
    checks = False
    marked = True
    errors = ErrorBody(
        codes=("Error/Code",),
        messages=("Error/Message", "Messages"),
        phrases=(*_RACES, "exceeded", "cannot have more than"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            (
                "InvalidClientTokenId",
                "SignatureDoesNotMatch",
                "IncompleteSignature",
                "MissingAuthenticationToken",
                "ExpiredToken",
                "UnrecognizedClientException",
            ),
            WRONG_KEY,
        ),
        **dict.fromkeys(("AccessDenied", "AccessDeniedException", "OptInRequired"), _DENIED),
        **dict.fromkeys(("Throttling", "PriorRequestNotComplete"), SLOWER),
        **dict.fromkeys(_RACES, _CHANGED),
        **dict.fromkeys(("exceeded", "cannot have more than", "LimitsExceeded"), _FULL),
        "NoSuchHostedZone": Refusal.no_zone("it has no zone of this id"),
    }

    def __init__(self, context: ProviderContext) -> None:
        self._region = context.fields["region"]
        self._credentials = AwsCredentials(
            context, os.environ, context.fields["sts_url"], self._region
        )
        token = TemporaryKey(self._keys, context.clock, apply=self._apply)
        super().__init__(context, token=token, pause=0.2)

    async def close(self) -> None:
        """Close the connections."""
        await super().close()
        await self._credentials.close()

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the public hosted zones.

        Policies that were made for lego or cert-manager allow only the list that is by name.
        """
        try:
            return await self._zones("hostedzone", {"marker": "NextMarker"})
        except ProviderPermissionError:
            after = {"dnsname": "NextDNSName", "hostedzoneid": "NextHostedZoneId"}
            return await self._zones("hostedzonesbyname", after)

    async def _zones(self, path: str, after: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the zones of all pages; ``after`` is where a page has words of the next query."""
        zones: list[tuple[str, str]] = []
        query: dict[str, object] = {"maxitems": 100}
        while True:
            root = await self.api.get(path, ET.Element, query=query)
            zones += [
                (one.findtext("Name", ""), one.findtext("Id", "").removeprefix("/hostedzone/"))
                for one in root.iter("HostedZone")
                if one.findtext("Config/PrivateZone") != "true"
            ]
            following = {word: root.findtext(place) for word, place in after.items()}
            if root.findtext("IsTruncated") != "true" or not all(following.values()):
                return zones
            query |= following

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the sets at the names; for many, all TXT sets of the zone."""
        if len(names) > _FEW:
            return await self._list(zone, None)
        found: dict[str, TxtSet] = {}
        for name in names:
            found |= await self._list(zone, name)
        return found

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace the sets, all of them or none, and wait until all name servers have them."""
        root = ET.Element("ChangeResourceRecordSetsRequest", xmlns=_SPACE)
        batch = ET.SubElement(ET.SubElement(root, "ChangeBatch"), "Changes")
        for change in changes:
            # What is there is written as it was read: there are several ways to quote.
            old = change.old.version.split("\n") if change.old.values else []
            raw = dict(zip(change.old.values, old, strict=True))
            new = [raw.get(value) or quote_txt(value) for value in change.new.values]
            if old:
                _add_change(batch, "DELETE", zone, change.name, change.old.ttl, old)
            if new:
                _add_change(batch, "CREATE", zone, change.name, change.new.ttl, new)
        answer = await self.api.send("POST", f"hostedzone/{_id(zone)}/rrset/", body=Body.xml(root))
        with suppress(ProviderError):  # the change is made; the caller looks at the DNS as well
            await self._wait_for(self.api.read(answer, ET.Element))

    async def _wait_for(self, change: ET.Element) -> None:
        key = change.findtext("ChangeInfo/Id", "").removeprefix("/change/")
        for _ in range(_POLLS):
            if change.findtext("ChangeInfo/Status") == "INSYNC":
                return
            await self.sleep(_POLL)
            change = await self.api.get(f"change/{quote(key, safe='')}", ET.Element)

    async def _list(self, zone: Zone, name: str | None) -> dict[str, TxtSet]:
        """Return the TXT set at a name, or all of the zone."""
        query: dict[str, object] = {"maxitems": 300}
        if name is not None:
            query = {"maxitems": 1, "name": f"{zone.record(name)}.", "type": "TXT"}
        found: dict[str, TxtSet] = {}
        while True:
            root = await self.api.get(f"hostedzone/{_id(zone)}/rrset", ET.Element, query=query)
            for one in root.iter("ResourceRecordSet"):
                if one.findtext("Type") == "TXT" and one.find("SetIdentifier") is None:
                    raw = [value.text or "" for value in one.iter("Value")]
                    found[relative_name(one.findtext("Name", ""), zone)] = TxtSet(
                        tuple(map(unquote_txt, raw)),
                        int(one.findtext("TTL", "0")),
                        "\n".join(raw),
                    )
            after = {
                "name": root.findtext("NextRecordName"),
                "type": root.findtext("NextRecordType"),
            }
            if name is not None:
                return {name: found[name]} if name in found else {}
            if root.findtext("IsTruncated") != "true" or not after["name"]:
                return found
            query |= after | {"identifier": root.findtext("NextRecordIdentifier")}

    async def _keys(self) -> tuple[AwsKeys, float]:
        keys, seconds = await self._credentials.fetch()
        for secret in (keys.secret_access_key, keys.session_token):
            if secret:
                self.api.hide(secret)
        return keys, seconds

    def _apply(self, request: ApiRequest, keys: AwsKeys) -> ApiRequest:
        return sign(request, keys, self._region, "route53", self.now())


def _id(zone: Zone) -> str:
    return quote(zone.id.removeprefix("/hostedzone/"), safe="")


def _add_change(
    batch: ET.Element, action: str, zone: Zone, name: str, ttl: int, values: Sequence[str]
) -> None:
    change = ET.SubElement(batch, "Change")
    ET.SubElement(change, "Action").text = action
    new = ET.SubElement(change, "ResourceRecordSet")
    ET.SubElement(new, "Name").text = f"{zone.record(name)}."
    ET.SubElement(new, "Type").text = "TXT"
    ET.SubElement(new, "TTL").text = str(ttl)
    records = ET.SubElement(new, "ResourceRecords")
    for value in values:
        ET.SubElement(ET.SubElement(records, "ResourceRecord"), "Value").text = value
