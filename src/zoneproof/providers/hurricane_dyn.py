"""The provider for Hurricane Electric's dynamic TXT records, each of which has a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.core.http import is_web_page
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.one_value import OneValueProvider
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

_CHALLENGE = "_acme-challenge."
_NO_RECORD = Refusal.no_zone(
    "the record is not there or is not dynamic", "make a dynamic TXT record with this name"
)


class _Errors(ErrorBody):
    """Reads the first word: ``good`` and ``nochg`` are successes."""

    def read(self, status: int, body: bytes) -> Problem | None:
        words = body.decode("utf-8", "replace").split()
        if status >= 400 or words[:1] in (["good"], ["nochg"]):
            return None
        return Problem("" if is_web_page(body) else " ".join(words), tuple(words[:1]))


class HurricaneDyn(OneValueProvider):
    """Sets the value of a record that exists and is dynamic."""

    info = ProviderInfo(
        slug="hurricane-dyn",
        title="Hurricane Electric's dynamic DNS",
        homepage="https://dns.he.net",
        fields=(
            token_field("key", "key of the dynamic TXT record, or name:key,name:key for several"),
        ),
        key_url="https://dns.he.net",
        api_url="https://dyn.dns.he.net/nic/update",
        default_ttl=300,
        limits=Limits(values_at_name=1, has_ttl=False, value_bytes=255),
        notes="Make a TXT record for each `_acme-challenge` name, dynamic and with a key, which"
        " may be the same for all; names may be given without `_acme-challenge`. A record has one"
        " value, so a domain and its wildcard need two certificates. Records are not removed; `.`"
        " becomes their value. Ten changes of a record are allowed in two minutes.",
        least_privilege="Each key may change the value of its record, and nothing else.",
        aliases=(
            Alias("acme.sh", "dns_he_ddns", {"HE_DDNS_KEY": "key"}),
            Alias("lego", "hurricane", {"HURRICANE_TOKENS": "key"}),
        ),
    )
    errors = _Errors()
    refusals: ClassVar[Refusals] = {
        "badauth": Refusal.wrong_key("it does not accept the key of the record"),
        **dict.fromkeys(("nohost", "notxt"), _NO_RECORD),
        "abuse": Refusal.not_allowed("the record is blocked for abuse"),
        "interval": Refusal.over_quota(
            "too many changes of the record", "try again in two minutes"
        ),
    }

    def __init__(self, context: ProviderContext) -> None:
        self._keys = _read_keys(context.fields["key"])
        super().__init__(context, secrets=self._keys.values())

    async def set_value(self, zone: Zone, name: str, value: str | None) -> None:
        """Set the record's value, to one that says nothing where it is to be removed."""
        host = zone.record(name).text
        key = self._keys.get(host.removeprefix(_CHALLENGE)) or self._keys.get("")
        if not key:
            raise ProviderCredentialsError(f"there is no key for {host}: add it to the field key")
        form = {"hostname": host, "password": key, "txt": "." if value is None else value}
        await self.api.send("POST", form=form, repeatable=False)


def _read_keys(text: str) -> Mapping[str, str]:
    """Return keys by names without ``_acme-challenge``; of a single key, the name is empty."""
    if ":" not in text:
        return {"": text}
    keys = {}
    for pair in text.split(","):
        name, _, key = pair.partition(":")
        if not name or not key:
            raise InvalidInputError("key: write several as name:key,name:key")
        keys[name.lower().rstrip(".").removeprefix(_CHALLENGE)] = key
    return keys
