"""Alibaba Cloud's provider against the fake of its API."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.aliyun import FakeAliyun
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import ProviderContext, open_provider
from zoneproof.providers.aliyun import sign_acs3
from zoneproof.providers.api_request import ApiRequest


class TestAliyun(ApiContract):
    slug = "aliyun"
    fake = FakeAliyun
    fields = {"access_key_id": "LTAI5t0123456789", "secret": "0123456789abcdefghijklmnopqrst"}

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": server, "metadata_url": server}

    async def test_the_parameters_are_as_recorded(self, harness: ApiHarness) -> None:
        """As dns-lexicon recorded them in May 2019, but for the signature, which is newer."""
        await harness.open().add(harness.zone, [txt("_acme-challenge.test", "challengetoken")])
        read, write = (
            (one.headers["x-acs-action"], dict(parse_qsl(one.path.partition("?")[2])))
            for one in harness.server.requests
        )
        domain = {"DomainName": harness.zone.name.text}
        words = {"TypeKeyWord": "TXT", "RRKeyWord": "_acme-challenge.test"}
        pages = {"PageSize": "500", "PageNumber": "1"}
        assert read == ("DescribeDomainRecords", {**domain, **words, **pages})
        new = {"RR": "_acme-challenge.test", "Type": "TXT", "Value": "challengetoken"}
        assert write == ("AddDomainRecord", {**domain, **new, "TTL": "600"})

    async def test_a_change_waits_for_the_last_one(self, harness: ApiHarness) -> None:
        busy = [harness.api.refuse("busy")] * 6
        harness.api.after_read.append(lambda: harness.server.faults.extend(busy))
        records = [txt("a", challenge_value()) for _ in range(2)]
        await harness.open().add(harness.zone, records)
        assert len(harness.server._connections) == 1
        assert set(await harness.values(harness.zone, "a")) == {one.value for one in records}

    async def test_an_instance_has_its_role_s_keys(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeAliyun)
        harness.api.roles["dns"] = "temporary-secret"
        harness.api.keys["temporary-secret"] = Key()
        value = challenge_value()
        changed = {"ram_role": "dns", "access_key_id": "", "secret": ""}
        await harness.remember(harness.make(changed=changed)).add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]
        assert harness.server.requests[-1].headers["x-acs-security-token"] == "sts-token"
        with pytest.raises(ProviderCredentialsError, match="does not have the role"):
            await harness.open(ram_role="other").zones()

    async def test_a_temporary_key_has_a_token(self, harness: ApiHarness) -> None:
        await harness.open(security_token="CAIS-token").zones()
        assert harness.server.requests[-1].headers["x-acs-security-token"] == "CAIS-token"

    async def test_a_key_for_one_zone_need_not_list_zones(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeAliyun)
        harness.api.may_list = False
        provider, value = harness.open(), challenge_value()
        assert await provider.zones() == []  # so that the zone is found in the DNS
        await provider.add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    def test_half_a_key_is_refused(self) -> None:
        context = ProviderContext({"access_key_id": "LTAI5t0123456789"})
        with pytest.raises(InvalidInputError, match="'secret', or on an ECS"):
            open_provider("aliyun", context)


def test_the_signature_is_that_of_the_reference() -> None:
    image = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
    url = f"https://ecs.cn-shanghai.aliyuncs.com/?{image}&RegionId=cn-shanghai"
    signed = sign_acs3(
        ApiRequest("POST", url, {}),
        "RunInstances",
        "2014-05-26",
        ("YourAccessKeyId", "YourAccessKeySecret", ""),
        datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        "3156853299f313e23d1673dc12e1703d",
    )
    assert signed.headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )
