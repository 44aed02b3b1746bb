"""Providers and fakes agree with the exchanges that others have recorded with the services.

The providers ask nothing that was not recorded or is not marked as such, and the fakes answer
nothing that the services did not: with each provider's row of the contract this says that it reads
what the service really answers.
"""

from __future__ import annotations

import pytest

from tests.docs.providers_table import row_of
from tests.providers.api_harness import ApiHarness
from tests.providers.harness import challenge_value, closing, txt
from tests.providers.recorded import names_of, read_exchanges
from tests.providers.recorded_exchanges import RECORDED
from tests.support.fake_http import Reply, Request, fake_http_server


@pytest.mark.parametrize("slug", RECORDED)
async def test_requests_and_replies_are_those_recorded(slug: str) -> None:
    made = row_of(slug)
    assert made
    row, api = made(), made.fake()
    traffic: list[tuple[Request, Reply]] = []

    def handler(request: Request) -> Reply | bytes | None:
        reply = api(request)
        if isinstance(reply, Reply):
            traffic.append((request, reply))
        return reply

    async with fake_http_server(handler) as server, closing(ApiHarness(row, api, server)) as one:
        provider = one.open()
        await provider.zones()
        records = [txt("_acme-challenge", challenge_value()) for _ in range(2)]
        for record in records:
            await provider.add(one.zone, [record])
        for record in records:
            await provider.remove(one.zone, [record])
    exchanges = read_exchanges(RECORDED[slug])
    left = set(exchanges)
    for request, reply in traffic:
        fitting = [exchange for exchange in exchanges if exchange.fits(request)]
        assert fitting, f"{request.method} {request.path} is not listed"
        assert fitting[0].differences(request, reply) == []
        left -= {fitting[0]}
    assert not left, "listed, and not asked"
    assert api.recorded.startswith("agree")


def test_names_and_exchanges_are_read() -> None:
    (first, second) = read_exchanges(
        "POST /zones/{zone} Command=new name +ttl list(a +b)\n  -> id record(id) meta.page(next)\n"
        "+GET /zones"
    )
    assert (first.recorded, second.recorded) == (True, False)
    assert first.request == {"name", "ttl", "list.a", "list.b"}
    assert first.reply == {"id", "record.id", "meta.page.next"}
    asked = Request("POST", "/zones/a?Command=new", {}, b"name=x&other1=y")
    assert first.fits(asked)
    assert not first.fits(Request("POST", "/zones/a?Command=old", {}, b""))
    assert first.differences(asked, Reply(200, {"id": 1, "record": [{"id": 1, "x": 2}]})) == [
        "sends Command",
        "sends other#",
        "answers record.x",
    ]
    assert names_of(b'<a b="c"><d/></a>') == {"a", "a.b", "d"}
