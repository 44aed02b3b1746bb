"""TransIP's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.transip import FakeTransIp
from tests.providers.harness import challenge_value, txt
from tests.support.rsa_keys import number_of, private_pem, public_pem


class TestTransIp(ApiContract):
    slug = "transip"
    fake = FakeTransIp
    root = "/v6"
    fields = {"login": "somebody", "private_key": private_pem(0)}

    def key(self, fields: Mapping[str, str]) -> str:
        return public_pem(number_of(fields["private_key"]))

    def other(self, name: str, text: str) -> str:
        return private_pem(1) if name == "private_key" else text

    def wrong(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {**fields, "private_key": private_pem(2)}

    async def test_the_requests_are_as_recorded(self, harness: ApiHarness) -> None:
        """As dns-lexicon recorded them in January 2022."""
        provider, record = harness.open(), txt("_acme-challenge.test", "challengetoken")
        await provider.add(harness.zone, [record])
        await provider.remove(harness.zone, [record])
        entries = f"/v6/domains/{harness.zone.name}/dns"
        asked = [(one.method, one.path) for one in harness.server.requests]
        assert asked == [
            ("POST", "/v6/auth"),
            ("GET", entries),
            ("POST", entries),
            ("GET", entries),
            ("DELETE", entries),
        ]
        entry = {"type": "TXT", "name": "_acme-challenge.test", "content": "challengetoken"}
        for i in (2, 4):
            sent = harness.server.requests[i].json
            assert sent == {"dnsEntry": {**entry, "expire": 60}}

    async def test_an_entry_with_another_ttl_is_deleted(self, harness: ApiHarness) -> None:
        value = challenge_value()
        await harness.plant_value("a", value)
        harness.stored.at("a")[0].ttl = 86400
        await harness.open().remove(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == []

    async def test_a_domain_takes_one_change_after_the_other(self, harness: ApiHarness) -> None:
        provider, busy = harness.open(), [harness.api.refuse("busy")] * 2
        harness.api.after_read.append(lambda: harness.server.faults.extend(busy))
        values = [challenge_value() for _ in range(3)]
        await provider.add(harness.zone, [txt(f"a{i}", value) for i, value in enumerate(values)])
        assert [await harness.values(harness.zone, f"a{i}") for i in range(3)] == [
            [value] for value in values
        ]

    async def test_the_whitelist_is_asked_for(self, harness: ApiHarness) -> None:
        await harness.open(global_key="false").zones()
        assert harness.server.requests[0].json["global_key"] is False
