"""netcup's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.netcup import FakeNetcup
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import ProviderContext, open_provider


class TestNetcup(ApiContract):
    slug = "netcup"
    fake = FakeNetcup
    root = "/run/webservice/servers/endpoint.php?JSON"
    fields = {"customer": "12345", "key": "made-up-key", "password": "made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['key']} {fields['password']}"

    async def test_a_session_that_has_ended_is_made_again(self, harness: ApiHarness) -> None:
        provider, record = harness.open(), txt("a", challenge_value())
        await provider.add(harness.zone, [record])
        harness.api._issued.clear()
        await provider.remove(harness.zone, [record])
        assert await harness.values(harness.zone, "a") == []
        actions = [request.json["action"] for request in harness.server.requests]
        assert actions.count("login") == 2


def test_a_key_of_the_newer_api_is_for_another_provider() -> None:
    fields = {"key": "0123456789abcdef" * 4}  # which is all that acme.sh needs with it
    with pytest.raises(InvalidInputError, match="need the provider netcup-clouddns"):
        open_provider("netcup", ProviderContext(fields))
