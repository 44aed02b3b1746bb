"""hosting.de's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.hosting_de import FakeHostingDe
from tests.providers.harness import challenge_value, txt


class TestHostingDe(ApiContract):
    slug = "hostingde"
    fake = FakeHostingDe
    root = "/api/dns/v1/json"
    fields = {"api_key": "0123456789abcdef"}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        methods = [request.path.rpartition("/")[2] for request in harness.server.requests]
        assert methods == ["zonesFind", "zoneConfigsFind", "zoneUpdate"]

    async def test_a_zone_that_is_busy_is_waited_for(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeHostingDe)
        name, value = await harness.new_name(), challenge_value()
        for change in (harness.open().add, harness.open().remove):
            harness.api.busy = 5
            await change(harness.zone, [txt(name, value)])
            assert harness.api.busy == 0
        assert await harness.values(harness.zone, name) == []
