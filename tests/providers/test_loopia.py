"""Loopia's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.loopia import FakeLoopia
from tests.providers.harness import challenge_value, txt


class TestLoopia(ApiContract):
    slug = "loopia"
    fake = FakeLoopia
    root = "/RPCSERV"
    fields = {"user": "somebody@loopiaapi", "password": "a & <b>"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']} {fields['password']}"

    async def test_the_subdomain_goes_with_its_last_record(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeLoopia)
        batch = [txt("_acme-challenge.a", challenge_value()) for _ in range(3)]
        provider = harness.open()
        await provider.add(harness.zone, batch)
        await provider.remove(harness.zone, batch[:1])
        assert harness.api.subdomains == {("zone.example", "_acme-challenge.a")}
        await provider.remove(harness.zone, batch[1:])
        assert not harness.api.subdomains
