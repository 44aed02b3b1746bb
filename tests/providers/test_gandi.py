"""Gandi's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.gandi import FakeGandi
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import ProviderContext, open_provider


class TestGandi(ApiContract):
    slug = "gandi"
    fake = FakeGandi
    fields = {"token": "6f2d3fac073e0ad28df55694c3d2c040f57a667a"}

    def urls(self, server: str) -> dict[str, str]:
        return {"api_url": f"{server}/v5/livedns", "id_url": server}

    async def test_a_key_of_the_old_kind_is_no_bearer_token(self, harness: ApiHarness) -> None:
        harness.api.keys["an-old-key"] = Key()
        await harness.open(token="", api_key="an-old-key").add(
            harness.zone, [txt("a", challenge_value())]
        )
        assert harness.server.requests[0].headers["authorization"] == "Apikey an-old-key"


def test_without_any_key_there_is_no_provider() -> None:
    with pytest.raises(InvalidInputError, match="'token' or 'api_key'"):
        open_provider("gandi", ProviderContext({}))
