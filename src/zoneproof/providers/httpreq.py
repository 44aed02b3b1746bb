"""The provider for a person's own web service that speaks lego's httpreq protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.http import WEB_PAGE, is_web_page
from zoneproof.providers.api_provider import CA_BUNDLE, ApiProvider, server_field
from zoneproof.providers.batches import in_parts
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.refusals import Refusal, Refusals


def refuse_raw(text: str) -> None:
    """Raise InvalidInputError for lego's mode RAW, whose key authorization no provider sees."""
    if text:
        raise InvalidInputError(
            "mode must be empty: RAW hands out the key authorization, which stays with the ACME"
            " client here; let the other side take name and value, as in lego's default mode"
        )


MODE = CredentialField(
    "mode",
    "lego's mode, of which only the default is possible",
    default="",
    check=refuse_raw,
    rare=True,
)


class HttpReq(ApiProvider):
    """Posts name and value to ``/present`` and ``/cleanup``, each as often as it takes."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="httpreq",
        title="HTTP request",
        homepage="https://go-acme.github.io/lego/dns/httpreq/",
        fields=(
            server_field("https://dns.example.org:9090"),
            CredentialField("user", "user name, if the service asks for one", default=""),
            CredentialField(
                "password", "that user's password", secret=True, default="", needed_with="user"
            ),
            MODE,
            CA_BUNDLE,
        ),
        key_url="https://go-acme.github.io/lego/dns/httpreq/",
        limits=Limits(has_ttl=False),
        notes='The service gets `POST /present` and `POST /cleanup` with `{"fqdn":'
        ' "_acme-challenge.example.com.", "value": "..."}`, and answers with a status of 200 to'
        " 204. It must keep other values at the name and succeed when there is nothing to do,"
        " because a request whose answer is lost is sent again. lego's mode `RAW` is not possible:"
        " the key authorization is not given to providers.",
        least_privilege="A user of the service who may change `_acme-challenge` names only.",
        aliases=(
            Alias(
                "lego",
                "httpreq",
                {
                    "HTTPREQ_ENDPOINT": "server",
                    "HTTPREQ_USERNAME": "user",
                    "HTTPREQ_PASSWORD": "password",
                    "HTTPREQ_MODE": "mode",
                },
            ),
        ),
    )
    refusals: ClassVar[Refusals] = {
        404: Refusal(ProviderError, "there is no such endpoint", "check the server's URL"),
    }

    def __init__(self, context: ProviderContext) -> None:
        refuse_raw(context.fields["mode"])
        login = (context.fields["user"], context.fields["password"])
        super().__init__(context, auth=login if all(login) else None)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return nothing: the protocol has no zones, and asking the DNS finds them."""
        return []

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._send("present", zone, records)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._send("cleanup", zone, records)

    async def _send(self, action: str, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await in_parts(([one], self._send_one(action, zone, one)) for one in records)

    async def _send_one(self, action: str, zone: Zone, record: TxtRecord) -> None:
        what = {"fqdn": f"{zone.record(record.name)}.", "value": record.value}
        async with self._hold(zone, [record.name]):
            with self._about(zone):
                answer = await self.api.send("POST", action, json=what, repeatable=True)
                if is_web_page(answer.body):
                    raise ProviderError(f"the answer is {WEB_PAGE}: check the server's URL")
