"""Huawei Cloud's provider against the fake of its API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.huaweicloud import FakeHuaweiCloud
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError, ProviderError
from zoneproof.providers import ProviderContext, open_provider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.huaweicloud import sign_sdk


class TestHuaweiCloud(ApiContract):
    slug = "huaweicloud"
    fake = FakeHuaweiCloud
    fields = {
        "access_key_id": "QTWAOYTTINDUT2QVKYUC",
        "secret_access_key": "MFyfvK41ba2giqM7KGpownRZlmVmHc",
    }

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": server, "metadata_url": server}

    @pytest.mark.parametrize("newer", [True, False])
    async def test_an_instance_has_its_agency_s_keys(
        self, harness: ApiHarness, newer: bool
    ) -> None:
        assert isinstance(harness.api, FakeHuaweiCloud)
        harness.api.newer = newer
        with pytest.raises(ProviderCredentialsError, match="has no agency"):
            await harness.open(identity="agency").zones()
        harness.api.agency = "temporary-secret"
        harness.api.keys["temporary-secret"] = Key()
        value = challenge_value()
        await harness.open(identity="agency").add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]
        assert harness.server.requests[-1].headers["x-security-token"] == "sts-token"

    async def test_a_project_is_named(self, harness: ApiHarness) -> None:
        await harness.open(project_id="05041fff").zones()
        assert harness.server.requests[-1].headers["x-project-id"] == "05041fff"

    async def test_a_set_that_is_pending_is_changed_later(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeHuaweiCloud)
        provider, values = harness.open(), [challenge_value(), challenge_value()]
        await provider.add(harness.zone, [txt("a", values[0])])
        harness.api.pending = 2
        await provider.add(harness.zone, [txt("a", values[1])])
        assert sorted(await harness.values(harness.zone, "a")) == sorted(values)

    async def test_requests_that_came_too_fast_are_sent_again(self, harness: ApiHarness) -> None:
        harness.server.faults.append(harness.api.refuse("flow"))
        await harness.open().add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_a_cname_in_the_way_is_named(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "a", "elsewhere.example.", "CNAME")
        with pytest.raises(ProviderError, match="there is a CNAME"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])

    def test_half_a_key_is_refused(self) -> None:
        context = ProviderContext({"access_key_id": "QTWAOYTTINDUT2QVKYUC"})
        with pytest.raises(InvalidInputError, match="secret_access_key"):
            open_provider("huaweicloud", context)


@pytest.mark.parametrize(
    ("method", "body", "signature"),
    [  # test_signer.py of huaweicloud-sdk-python-v3, August 2026
        ("GET", b"", "cfb4171acec81de07d50e53d57eb77edd537414d66ddb1d7d780f128e12cd842"),
        (
            "POST",
            b'{"name":"test","id":1}',
            "436b1ac0a1ae03705934bb70ef2f2e09f7bfed2117d731a38235053199323a1f",
        ),
    ],
)
def test_the_signature_is_that_of_the_sdk(method: str, body: bytes, signature: str) -> None:
    url = "https://service.endpoint.myhuaweicloud.com/resources?size=1"
    now = datetime(2020, 6, 8, 2, 39, tzinfo=UTC)
    signed = sign_sdk(ApiRequest(method, url, {}, body), "AccessKey", "SecretKey", now)
    assert signed.headers["Authorization"] == (
        f"SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=host;x-sdk-date, Signature={signature}"
    )
