"""AutoDNS's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.autodns import FakeAutodns
from tests.providers.harness import challenge_value, txt


class TestAutodns(ApiContract):
    slug = "autodns"
    fake = FakeAutodns
    root = "/v1"
    fields = {"user": "somebody", "password": "correct horse battery", "context": "4"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']}:{fields['password']} {fields['context']}"

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "POST"]

    async def test_what_others_added_meanwhile_is_left(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, name, value))
        await harness.open().add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
