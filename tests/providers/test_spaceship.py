"""Spaceship's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.spaceship import FakeSpaceship
from tests.providers.harness import challenge_value, txt
from zoneproof.providers import TxtRecord


class TestSpaceship(ApiContract):
    slug = "spaceship"
    fake = FakeSpaceship
    root = "/api/v1"
    fields = {"api_key": "0123456789abcdef", "api_secret": "fedcba9876543210fedcba"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['api_key']} {fields['api_secret']}"

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        for change, method in ((harness.open().add, "PUT"), (harness.open().remove, "DELETE")):
            before = len(harness.server.requests)
            await change(harness.zone, batch)
            methods = [request.method for request in harness.server.requests[before:]]
            assert methods == ["GET", method]

    async def test_a_key_for_records_only_lists_no_domains(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeSpaceship)
        harness.api.dns_only = True
        assert await harness.open().zones() == []

    async def test_a_ttl_is_at_most_an_hour(self, harness: ApiHarness) -> None:
        name = await harness.new_name()
        await harness.open().add(harness.zone, [TxtRecord(name, challenge_value(), 86400)])
        assert [one.ttl for one in harness.stored.at(name)] == [3600]
