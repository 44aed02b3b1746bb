"""DNSimple's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.dnsimple import FakeDnsimple
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderCredentialsError


class TestDnsimple(ApiContract):
    slug = "dnsimple"
    fake = FakeDnsimple
    root = "/v2"
    fields = {"token": "dnsimple_a_1hQhEWKA8mvIOPXdRGDcmr0aVTgqWzAT"}

    async def test_the_account_is_asked_for_once(self, harness: ApiHarness) -> None:
        batch = [txt(name, challenge_value()) for name in "abc"]
        await harness.open().add(harness.zone, batch)
        paths = [request.path for request in harness.server.requests]
        assert paths.count("/v2/whoami") == 1
        assert all(path == "/v2/whoami" or path.startswith("/v2/1010/") for path in paths)

    async def test_the_only_account_of_a_user_is_taken(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeDnsimple)
        harness.api.user_accounts = [731]
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert harness.server.requests[-1].path.startswith("/v2/731/")

    async def test_of_several_accounts_one_has_to_be_set(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeDnsimple)
        harness.api.user_accounts = [731, 732]
        with pytest.raises(ProviderCredentialsError, match=r"731, 732; set the field account"):
            await harness.open().zones()
        await harness.open(account="732").add(harness.zone, [txt("a", challenge_value())])
        assert harness.server.requests[-1].path.startswith("/v2/732/")
