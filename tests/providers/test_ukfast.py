"""The provider for ANS's SafeDNS against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ukfast import FakeUkfast
from tests.providers.harness import txt


class TestUkfast(ApiContract):
    slug = "ukfast"
    fake = FakeUkfast
    root = "/safedns/v1"
    fields = {"token": "0123456789abcdefghijklmnopqrstuv"}

    async def test_requests_are_those_that_were_recorded(self, harness: ApiHarness) -> None:
        record = txt("_acme-challenge.full", "challengetoken")
        await harness.open().add(harness.zone, [record])
        new = harness.server.requests[-1]
        assert (new.method, new.path) == ("POST", "/safedns/v1/zones/zone.example/records")
        assert new.json.pop("ttl") == record.ttl
        body = {"type": "TXT", "content": '"challengetoken"'}
        assert {**body, "name": "_acme-challenge.full.zone.example"}.items() <= new.json.items()
        await harness.open().remove(harness.zone, [record])
        gone = harness.server.requests[-1]
        assert (gone.method, gone.path.rpartition("/")[0]) == ("DELETE", new.path)
