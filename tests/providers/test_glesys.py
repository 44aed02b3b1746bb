"""GleSYS's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.glesys import FakeGlesys
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderCredentialsError


class TestGlesys(ApiContract):
    slug = "glesys"
    fake = FakeGlesys
    fields = {"user": "CL12345", "key": "0123456789abcdef"}

    async def test_a_refusal_with_status_200_is_one(self, harness: ApiHarness) -> None:
        body = harness.api.refuse("credentials").body
        with (
            harness.server.failing(Reply(200, body)),
            pytest.raises(ProviderCredentialsError, match="need to be authenticated"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
