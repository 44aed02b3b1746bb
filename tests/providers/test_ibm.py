"""The provider for IBM Cloud's classic infrastructure against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ibm import FakeIbm
from tests.providers.harness import TTL, txt


class TestIbm(ApiContract):
    slug = "ibm"
    fake = FakeIbm
    root = "/rest/v3.1"
    fields = {"user": "1234_a@example.org", "key": "0123456789abcdef"}

    async def test_a_record_is_made_of_what_was_recorded(self, harness: ApiHarness) -> None:
        await harness.open().add(harness.zone, [txt("random.test", "challengetoken")])
        assert harness.server.requests[-1].json["parameters"] == [
            {
                "data": "challengetoken",
                "host": "random.test",
                "domainId": int(harness.stored.id),
                "type": "txt",
                "ttl": TTL,
            }
        ]
