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
