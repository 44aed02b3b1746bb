"""OVHcloud's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ovh import FakeOvh, FakeOvhLogin
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import REFUSED
from zoneproof.core.errors import InvalidInputError, ProviderError, ProviderPermissionError
from zoneproof.providers import ProviderContext, open_provider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.ovh import signature


class TestOvh(ApiContract):
    slug = "ovh"
    fake = FakeOvh
    fields = {
        "application_key": "7kbG7Bk7S9Nt7ZSV",
        "application_secret": "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
        "consumer_key": "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
    }

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": f"{server}/1.0", "login_url": server}

    async def test_the_requests_are_as_recorded(self, harness: ApiHarness) -> None:
        """As dns-lexicon recorded them in June 2018."""
        await harness.open().add(harness.zone, [txt("_acme-challenge.test", "challengetoken")])
        records = f"/1.0/domain/zone/{harness.zone.name}/record"
        assert [(one.method, one.path) for one in harness.server.requests] == [
            ("GET", f"{records}?fieldType=TXT&subDomain=_acme-challenge.test"),
            ("POST", records),
            ("POST", f"/1.0/domain/zone/{harness.zone.name}/refresh"),
        ]
        assert harness.server.requests[1].json == {
            "fieldType": "TXT",
            "subDomain": "_acme-challenge.test",
            "target": '"challengetoken"',
            "ttl": 60,
        }

    async def test_a_batch_is_published_once(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeOvh)
        batch = [txt(f"n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        assert harness.api.refreshed == [harness.stored.name]
        assert harness.server.requests[-1].path.endswith("/refresh")

    async def test_what_was_done_of_a_batch_is_published(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeOvh)
        batch = [txt("a", challenge_value()), txt(REFUSED, challenge_value())]
        with pytest.raises(ProviderError, match="Invalid subDomain"):
            await harness.open().add(harness.zone, batch)
        assert harness.api.refreshed == [harness.stored.name]

    async def test_a_key_for_what_is_below_domain_zone_is_enough(self, harness: ApiHarness) -> None:
        """Those who come from certbot or acme.sh have one with the rule `GET /domain/zone/*`."""
        assert isinstance(harness.api, FakeOvh)
        harness.api.may_get = "/domain/zone/*"
        provider, value = harness.open(), challenge_value()
        assert harness.zone.name in [zone.name for zone in await provider.zones()]
        await provider.add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_a_key_for_one_zone_need_not_list_zones(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeOvh)
        harness.api.may_get = f"/domain/zone/{harness.zone.name}/*"
        provider, value = harness.open(), challenge_value()
        assert await provider.zones() == []  # so that the zone is found in the DNS
        await provider.add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]
        with pytest.raises(ProviderPermissionError, match="no rule for this call"):
            await provider.add(harness.look_alike, [txt("a", value)])

    async def test_names_of_the_zone_itself_are_told_apart(self, harness: ApiHarness) -> None:
        value = challenge_value()
        await harness.plant_value("other", value)
        provider = harness.open()
        await provider.add(harness.zone, [txt("", value)])
        assert await harness.values(harness.zone, "") == [value]
        await provider.remove(harness.zone, [txt("", value)])
        assert await harness.values(harness.zone, "other") == [value]

    def test_half_of_the_keys_are_refused(self) -> None:
        context = ProviderContext({**self.fields, "consumer_key": ""})
        with pytest.raises(InvalidInputError, match="consumer_key"):
            open_provider("ovh", context)

    def test_the_signature_is_that_of_ovh_s_own_example(self) -> None:
        request = ApiRequest("GET", "https://eu.api.ovh.com/1.0/domains/", {})
        secret, consumer = self.fields["application_secret"], self.fields["consumer_key"]
        made = signature(request, secret, consumer, "1366560945")
        assert made == "$1$d3705e8afb27a0d2970a322b96550abfc67bb798"


class TestOvhWithOAuth(ApiContract):
    slug = "ovh"
    fake = FakeOvhLogin
    fields = {"client_id": "EU.0123456789abcdef", "client_secret": "a1b2c3d4e5f60718"}
    expires = None

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": f"{server}/1.0", "login_url": server}

    def key(self, fields: dict[str, str]) -> str:  # type: ignore[override]
        return fields["client_secret"]
