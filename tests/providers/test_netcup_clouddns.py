"""netcup CloudDNS's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.netcup_clouddns import FakeNetcupCloudDns
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import InvalidInputError, ProviderError, ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestNetcupCloudDns(ApiContract):
    slug = "netcup-clouddns"
    fake = FakeNetcupCloudDns
    root = "/v1"
    fields = {"key": "0123456789abcdef" * 4}

    async def test_requests_are_those_that_clients_send(self, harness: ApiHarness) -> None:
        batch = [txt("_acme-challenge", "a" * 43), txt("_acme-challenge.www.b", "b" * 43)]
        provider = harness.open()
        await provider.add(harness.zone, batch)
        await provider.remove(harness.zone, batch)
        sent = [(one.method, one.path) for one in harness.server.requests]
        path = f"/v1/domain/{harness.stored.id}/acme/challenge"
        asked = ("GET", "/v1/domain?fqdn=zone.example")
        gone = [("DELETE", f"{path}/@/{'a' * 43}"), ("DELETE", f"{path}/www.b/{'b' * 43}")]
        assert sent == [asked, ("POST", path), ("POST", path), asked, *gone]
        assert [one.json for one in harness.server.requests[1:3]] == [
            {"scope": "@", "value": "a" * 43},
            {"scope": "www.b", "value": "b" * 43},
        ]

    @pytest.mark.parametrize("name", ["", "www", "_acme-challenges.www", "_x._acme-challenge"])
    async def test_names_of_other_records_are_refused(self, harness: ApiHarness, name: str) -> None:
        ours, bad = txt("_acme-challenge.a", challenge_value()), txt(name, challenge_value())
        with pytest.raises(InvalidInputError, match="only at names that begin with _acme-challeng"):
            await harness.open().add(harness.zone, [ours, bad])
        await harness.open().remove(harness.zone, [bad])
        assert not harness.server.requests

    async def test_a_domain_with_the_older_dns_is_explained(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeNetcupCloudDns)
        harness.api.elsewhere.add(harness.stored.name)
        with pytest.raises(ProviderZoneError, match="use the provider netcup with a leg") as caught:
            await harness.open().add(harness.zone, [txt("_acme-challenge", challenge_value())])
        assert caught.value.changed_nothing

    async def test_a_zone_that_can_be_no_domain_is_one_that_it_lacks(
        self, harness: ApiHarness
    ) -> None:
        zone = Zone(DomainName.parse("_acme-challenge.zone.example"))
        with pytest.raises(ProviderZoneError, match="not a valid domain name"):
            await harness.open().add(zone, [txt("_acme-challenge", challenge_value())])

    async def test_of_another_domain_that_is_answered_nothing_is_written(
        self, harness: ApiHarness
    ) -> None:
        other = {"id": 1, "fqdn": "azone.example", "isDnsManaged": True}
        body = {"success": True, "errors": [], "result": [other]}
        record = txt("_acme-challenge", challenge_value())
        with harness.server.failing(Reply(200, body)), pytest.raises(ProviderZoneError):
            await harness.open().add(harness.zone, [record])
        assert len(harness.server.requests) == 1

    async def test_a_refusal_with_the_status_of_a_success_is_one(self, harness: ApiHarness) -> None:
        refused = harness.api.refuse("invalid").body
        harness.api.after_read.append(lambda: harness.server.faults.append(Reply(200, refused)))
        with pytest.raises(ProviderError, match="The challenge is not valid") as caught:
            await harness.open().add(harness.zone, [txt("_acme-challenge", challenge_value())])
        assert caught.value.changed_nothing
