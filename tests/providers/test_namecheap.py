"""Namecheap's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.namecheap import FakeNamecheap
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderError, ProviderQuotaError


class TestNamecheap(ApiContract):
    slug = "namecheap"
    fake = FakeNamecheap
    root = "/xml.response"
    fields = {"user": "somebody", "key": "0123456789abcdef", "client_ip": "198.51.100.7"}

    async def test_a_batch_is_one_read_one_write_and_one_check(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(100)]
        await harness.open().add(harness.zone, batch)
        assert len(harness.server.requests) == 3

    @pytest.mark.parametrize("kind", ["MX", ""])
    async def test_the_e_mail_service_stays_as_it_is(self, harness: ApiHarness, kind: str) -> None:
        assert isinstance(harness.api, FakeNamecheap)
        harness.api.email_types["zone.example"] = kind
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert harness.api.email_types["zone.example"] == kind

    async def test_domains_with_other_name_servers_are_no_zones(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeNamecheap)
        harness.api.elsewhere = {harness.look_alike.name.text}
        assert [zone.name for zone in await harness.open().zones()] == [harness.zone.name]

    async def test_hosts_with_dynamic_dns_keep_it(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "home", "192.0.2.1", "A")
        (host,) = harness.stored.at("home", "A")
        host.extra["dynamic"] = True
        with pytest.raises(ProviderError, match="hosts with Dynamic DNS") as caught:
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert caught.value.changed_nothing
        await harness.open().remove(harness.zone, [txt("a", challenge_value())])
        assert harness.stored.at("home", "A") == [host]

    async def test_405_says_that_it_was_asked_too_often(self, harness: ApiHarness) -> None:
        busy = Reply(405, b"Not Allowed")
        harness.server.faults.append(busy)
        await harness.open().add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]
        with harness.server.failing(busy), pytest.raises(ProviderQuotaError, match="too many"):
            await harness.open().zones()

    async def test_an_answer_without_the_hosts_loses_none(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "other", "v=spf1 -all")
        harness.server.faults.append(
            Reply(200, b'<ApiResponse Status="OK"><CommandResponse/></ApiResponse>')
        )
        with pytest.raises(ProviderError, match="does not have the domain's hosts"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert [one.value for one in harness.stored.at("other")] == ["v=spf1 -all"]

    @pytest.mark.parametrize(
        "host", ['Type="A" Address="192.0.2.1"', 'Name="a" Address="x"', 'Name="a" Type="TXT"']
    )
    async def test_a_host_that_lacks_something_is_an_unexpected_answer(
        self, harness: ApiHarness, host: str
    ) -> None:
        body = (
            '<ApiResponse Status="OK"><CommandResponse><DomainDNSGetHostsResult>'
            f"<host {host}/></DomainDNSGetHostsResult></CommandResponse></ApiResponse>"
        )
        with (
            harness.server.failing(Reply(200, body.encode())),
            pytest.raises(ProviderError, match="a host without its name, type or value"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
