"""Namecheap's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract, ApiHarness
from tests.providers.contract_suite import challenge_value, txt
from tests.providers.fakes.namecheap import FakeNamecheap


class TestNamecheap(ApiContract):
    slug = "namecheap"
    fake = FakeNamecheap
    root = "/xml.response"
    fields = {"user": "somebody", "key": "0123456789abcdef", "client_ip": "198.51.100.7"}

    async def test_a_batch_is_one_read_one_write_and_one_check(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(100)]
        await harness.open().add(harness.zone, batch)
        assert len(harness.server.requests) == 3

    async def test_the_e_mail_service_stays_as_it_is(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeNamecheap)
        harness.api.email_types["zone.example"] = "MX"
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert harness.api.email_types["zone.example"] == "MX"
