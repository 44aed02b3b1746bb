"""INWX's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.inwx import FakeInwx
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderCredentialsError

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class TestInwx(ApiContract):
    slug = "inwx"
    fake = FakeInwx
    root = "/jsonrpc"
    fields = {"user": "somebody", "password": "correct horse"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']} {fields['password']}"

    async def test_it_logs_in_once(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(5)]
        await harness.open().add(harness.zone, batch)
        methods = [request.json["method"] for request in harness.server.requests]
        assert methods.count("account.login") == 1

    async def test_a_code_of_the_authenticator_is_made(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeInwx)
        harness.api.secret = SECRET
        assert await harness.open(shared_secret=SECRET).zones()
        with pytest.raises(ProviderCredentialsError):
            await harness.open(shared_secret=SECRET[::-1]).zones()
        with pytest.raises(ProviderCredentialsError, match="set the field shared_secret"):
            await harness.open().zones()
