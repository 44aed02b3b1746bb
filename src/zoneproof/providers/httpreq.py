"""The provider for a person's own web service that speaks lego's httpreq protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from zoneproof.core.errors import ProviderError
from zoneproof.core.http import WEB_PAGE, is_web_page
from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CA_BUNDLE, LEGO_MODE, CredentialField, server_field
from zoneproof.providers.refusals import Refusal, Refusals


class HttpReq(ApiProvider):
    """Posts name and value to ``/present`` and ``/cleanup``, each as often as it takes."""

    info = ProviderInfo(
        slug="httpreq",
        title="HTTP request",
        homepage="https://go-acme.github.io/lego/dns/httpreq/",
        fields=(
            server_field("https://dns.example.org:9090"),
            CredentialField("user", "user name, if the service asks for one", default=""),
            CredentialField(
                "password", "that user's password", secret=True, default="", needed_with="user"
            ),
            LEGO_MODE,
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
    login = ("user", "password")
    zone_list = None  # the protocol has no zones, and asking the DNS finds them

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await one_by_one(partial(self._send, "present"), zone, records)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await one_by_one(partial(self._send, "cleanup"), zone, records)

    async def _send(self, action: str, zone: Zone, record: TxtRecord) -> None:
        what = {"fqdn": f"{zone.record(record.name)}.", "value": record.value}
        async with self._hold(zone, [record.name]):
            with self._about(zone):
                answer = await self.api.send("POST", action, json=what, repeatable=True)
                if is_web_page(answer.body):
                    raise ProviderError(f"the answer is {WEB_PAGE}: check the server's URL")
