"""The provider for Loopia: XML-RPC, records below subdomains, one call in a second."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar
from xmlrpc import client as xml_rpc

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import StoredTxt
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

_WORDS = ("AUTH_ERROR", "RATE_LIMITED", "UNKNOWN_ERROR")
_RATE = Refusal.over_quota("more than 60 calls in a minute", again=True)


class _Errors(ErrorBody):
    """Reads a word or a fault, where an answer that is none has an object, a list or ``OK``."""

    def read(self, status: int, body: bytes) -> Problem | None:
        if status >= 400:
            return super().read(status, body)
        try:
            result = _decode(body)
        except xml_rpc.Fault as fault:
            return Problem(fault.faultString.strip(), (str(fault.faultCode),))
        except Exception:  # noqa: BLE001  xmlrpc.client raises whatever it meets
            return Problem("")
        if isinstance(result, list):
            result = result[0] if result and result[0] in _WORDS else "OK"
        return None if result == "OK" else Problem(str(result), (str(result),))


class Loopia(RecordsProvider):
    """Adds records to subdomains, which come with the first and go with the last of them."""

    info = ProviderInfo(
        slug="loopia",
        title="Loopia",
        homepage="https://www.loopia.com",
        fields=(
            CredentialField("user", "API user, with @loopiaapi at its end"),
            CredentialField("password", "password of the API user", secret=True),
        ),
        key_url="https://customerzone.loopia.com/api/",
        api_url="https://api.loopia.se/RPCSERV",
        limits=Limits(min_ttl=300, value_bytes=450),
        notes="Loopia allows 60 calls in a minute, so one is made each second. Customers of"
        " loopia.no, loopia.rs or loopia.com set `api_url` to `https://api.loopia.no/RPCSERV` and"
        " so on. Changes may take a quarter of an hour to be seen.",
        least_privilege="An API user with the permissions `getDomains`, `getSubdomains`,"
        " `getZoneRecords`, `addZoneRecord`, `removeZoneRecord` and `removeSubdomain` only.",
        name_servers=("ns?.loopia.se",),
        aliases=(
            Alias(
                "certbot",
                "dns-loopia",
                {"user": "user", "username": "user", "password": "password"},
            ),
            Alias(
                "acme.sh",
                "dns_loopia",
                {"LOOPIA_User": "user", "LOOPIA_Password": "password", "LOOPIA_Api": "api_url"},
            ),
            Alias(
                "lego",
                "loopia",
                {
                    "LOOPIA_API_USER": "user",
                    "LOOPIA_API_PASSWORD": "password",
                    "LOOPIA_API_URL": "api_url",
                },
            ),
        ),
    )
    errors = _Errors()
    pause = 1.0
    refusals: ClassVar[Refusals] = {
        "AUTH_ERROR": Refusal.wrong_key(
            "it does not accept user and password, or the user lacks a permission"
        ),
        "UNKNOWN_ERROR": Refusal.no_zone("it does not know the domain, or fails"),
        "BAD_INDATA": Refusal(ProviderError, "it does not take the record"),
        "RATE_LIMITED": _RATE,
        "429": _RATE,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        return [(str(one.get("domain")), "") for one in await self._list("getDomains")]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of a subdomain."""
        return [
            StoredTxt(str(one.get("record_id")), name, str(one.get("rdata")))
            for one in await self._records(zone, name)
            if one.get("type") == "TXT" and isinstance(one.get("record_id"), int)
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record, and the subdomain if there is none."""
        new = {"type": "TXT", "ttl": record.ttl, "priority": 0, "rdata": record.value}
        await self._call("addZoneRecord", zone.name.text, record.name or "@", new, changes=True)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record; and the subdomain, if that was all it had."""
        where, name = zone.name.text, stored.name or "@"
        await self._call("removeZoneRecord", where, name, int(stored.id), changes=True)
        if stored.name and not await self._records(zone, stored.name):
            with suppress(ProviderError):  # an empty one does no harm
                await self._call("removeSubdomain", where, name, changes=True)

    async def _records(self, zone: Zone, name: str) -> list[dict[str, Any]]:
        if name and name not in await self._call("getSubdomains", zone.name.text):
            return []
        return await self._list("getZoneRecords", zone.name.text, name or "@")

    async def _list(self, method: str, *arguments: object) -> list[dict[str, Any]]:
        result = await self._call(method, *arguments)
        if not isinstance(result, list):
            raise ProviderError(f"the answer to {method} is not a list")
        return [one for one in result if isinstance(one, dict)]

    async def _call(self, method: str, *arguments: object, changes: bool = False) -> Any:
        parameters = (self.fields["user"], self.fields["password"], *arguments)
        text = xml_rpc.dumps(parameters, method, encoding="utf-8")  # type: ignore[arg-type]
        body = Body(text.encode(), "text/xml; charset=utf-8")
        answer = await self.api.send("POST", body=body, repeatable=not changes)
        return _decode(answer.body)


def _decode(body: bytes) -> Any:
    """Return the result of a call. Raises Fault, and other errors for what is no result."""
    results: Sequence[Any] = xml_rpc.loads(body)[0]
    return results[0]
