"""Porkbun's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.porkbun import FakePorkbun
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderPermissionError


class TestPorkbun(ApiContract):
    slug = "porkbun"
    fake = FakePorkbun
    root = "/api/json/v3"
    fields = {"api_key": "pk1_0123456789abcdef", "secret_api_key": "sk1_fedcba9876543210"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['api_key']} {fields['secret_api_key']}"

    async def test_words_without_a_code_are_understood(self, harness: ApiHarness) -> None:
        closed = {"status": "ERROR", "message": "Domain is not opted in to API access."}
        with (
            harness.server.failing(Reply(400, closed)),
            pytest.raises(ProviderPermissionError, match="switch API access on for the domain"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
