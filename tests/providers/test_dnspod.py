"""DNSPod's provider, which is Tencent Cloud's too, against the fake of its API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.dnspod import FakeDnsPod
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import ProviderContext, describe, open_provider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.dnspod import sign_tc3


class TestDnsPod(ApiContract):
    slug = "dnspod"
    fake = FakeDnsPod
    fields = {
        "secret_id": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3",
        "secret_key": "Gu5t9xGARNpq86cd98joQYCN3",
    }

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": server, "metadata_url": server}

    async def test_an_instance_has_its_role_s_keys(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeDnsPod)
        harness.api.roles["dns"] = "temporary-key"
        harness.api.keys["temporary-key"] = Key()
        value = challenge_value()
        changed = {"cvm_role": "dns", "secret_id": "", "secret_key": ""}
        await harness.remember(harness.make(changed=changed)).add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]
        assert harness.server.requests[-1].headers["x-tc-token"] == "cam-token"
        with pytest.raises(ProviderCredentialsError, match="does not have the role"):
            await harness.open(cvm_role="other").zones()

    async def test_the_international_site_calls_the_default_line_otherwise(
        self, harness: ApiHarness
    ) -> None:
        assert isinstance(harness.api, FakeDnsPod)
        harness.api.line = "Default"
        value = challenge_value()
        await harness.open().add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]
        sent = harness.server.requests[-1].json
        assert (sent["RecordLine"], sent["RecordLineId"]) == ("默认", "0")

    async def test_an_account_without_domains_has_no_zones(self, harness: ApiHarness) -> None:
        harness.api.zones.clear()
        assert await harness.open().zones() == []

    async def test_a_key_for_one_zone_need_not_list_zones(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeDnsPod)
        harness.api.may_list = False
        provider, value = harness.open(), challenge_value()
        assert await provider.zones() == []  # so that the zone is found in the DNS
        await provider.add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    def test_half_a_key_is_refused(self) -> None:
        context = ProviderContext({"secret_id": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3"})
        with pytest.raises(InvalidInputError, match="'secret_key', or on a CVM"):
            open_provider("dnspod", context)


def test_the_cloud_s_name_leads_to_the_same() -> None:
    one, other = describe("dnspod"), describe("tencentcloud")
    assert one.fields == other.fields
    assert other.slug == "tencentcloud"
    assert open_provider("tencentcloud", ProviderContext(TestDnsPod.fields)).info is other


def test_the_signature_is_that_of_the_reference() -> None:
    """The worked example of Tencent Cloud's signature v3; its key is 32 asterisks."""
    body = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = ApiRequest(
        "POST",
        "https://cvm.tencentcloudapi.com/",
        {**headers, "X-TC-Action": "DescribeInstances"},
        body,
    )
    now = datetime.fromtimestamp(1551113065, UTC)
    signed = sign_tc3(request, "cvm", "AKID" + "*" * 32, "*" * 32, now)
    assert signed.headers["Authorization"] == (
        f"TC3-HMAC-SHA256 Credential=AKID{'*' * 32}/2019-02-25/cvm/tc3_request, SignedHeaders="
        "content-type;host;x-tc-action, Signature="
        "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )
