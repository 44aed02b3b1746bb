"""Cloudflare's provider against the fake of its API."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.cloudflare import FakeCloudflare
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from tests.support.fake_http import Reply
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import ExpiringKeyProvider, ProviderContext, Zone, open_provider


class TestCloudflare(ApiContract):
    slug = "cloudflare"
    fake = FakeCloudflare
    root = "/client/v4"
    fields = {"api_token": "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY"}

    async def test_the_account_s_key_goes_with_its_e_mail_address(
        self, harness: ApiHarness
    ) -> None:
        harness.api.keys["me@example.com c2547eb745079dac9320b638f5e225cf"] = Key()
        provider = harness.open(
            api_token="", email="me@example.com", api_key="c2547eb745079dac9320b638f5e225cf"
        )
        await provider.add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_another_token_may_list_the_zones(self, harness: ApiHarness) -> None:
        harness.api.keys["a-token-that-reads-zones"] = Key(read_only=True)
        provider = harness.open(zone_token="a-token-that-reads-zones")
        await provider.add(Zone(harness.zone.name), [txt("a", challenge_value())])
        tokens = [request.headers["authorization"] for request in harness.server.requests]
        own = f"Bearer {self.fields['api_token']}"
        assert tokens == ["Bearer a-token-that-reads-zones", own, own]

    async def test_a_token_of_an_account_is_verified_there(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeCloudflare)
        harness.api.account_owns_token = True
        harness.api.expires = datetime(2099, 3, 1, 12, tzinfo=UTC)
        provider = harness.open()
        assert isinstance(provider, ExpiringKeyProvider)
        assert await provider.key_expires() == date(2099, 3, 1)

    async def test_a_token_of_another_form_is_a_wrong_one(self, harness: ApiHarness) -> None:
        chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
        error = {"code": 6003, "message": "Invalid request headers", "error_chain": chain}
        with (
            harness.server.failing(Reply(400, {"success": False, "errors": [error]})),
            pytest.raises(ProviderCredentialsError, match="Invalid format for Authorization"),
        ):
            await harness.open(api_token="short").zones()


def test_without_any_key_there_is_no_provider() -> None:
    with pytest.raises(InvalidInputError, match="'api_token', or both 'email' and 'api_key'"):
        open_provider("cloudflare", ProviderContext({"email": "me@example.com"}))
