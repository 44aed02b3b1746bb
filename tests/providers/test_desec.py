"""deSEC's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.desec import FakeDesec
from tests.providers.harness import challenge_value, txt


class TestDesec(ApiContract):
    slug = "desec"
    fake = FakeDesec
    root = "/api/v1"
    fields = {"token": "i-T3b1h_OI-H9ab8tRS98stGtURe"}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(100)]
        await harness.open().add(harness.zone, batch)
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "PUT", "GET"]

    async def test_a_change_that_met_another_one_is_made_again(self, harness: ApiHarness) -> None:
        met = harness.api.refuse("conflict")
        harness.api.after_read.append(lambda: harness.server.faults.append(met))
        await harness.open().add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "PUT", "GET", "PUT", "GET"]
