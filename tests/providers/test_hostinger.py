"""Hostinger's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.hostinger import FakeHostinger
from tests.providers.harness import challenge_value, txt


class TestHostinger(ApiContract):
    slug = "hostinger"
    fake = FakeHostinger
    fields = {"token": "0123456789abcdefghijklmnop"}

    async def test_what_is_added_meanwhile_is_not_replaced(self, harness: ApiHarness) -> None:
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, name, theirs))
        await harness.open().add(harness.zone, [txt(name, ours)])
        assert sorted(await harness.values(harness.zone, name)) == sorted([theirs, ours])

    async def test_a_batch_is_removed_by_two_requests(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        await harness.plant_value(batch[0].name, "theirs")
        provider = harness.open()
        await provider.add(harness.zone, batch)
        before = len(harness.server.requests)
        await provider.remove(harness.zone, batch)
        methods = [request.method for request in harness.server.requests[before:]]
        assert methods == ["GET", "PUT", "DELETE", "GET"]
        assert await harness.values(harness.zone, batch[0].name) == ["theirs"]
