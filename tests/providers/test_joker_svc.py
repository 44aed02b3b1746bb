"""The provider for Joker.com's dynamic DNS against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.joker_svc import FakeJokerSvc
from tests.providers.harness import challenge_value, txt
from tests.providers.one_value_contract import OneValueContract
from zoneproof.core.errors import ProviderError


class TestJokerSvc(OneValueContract):
    slug = "joker-svc"
    fake = FakeJokerSvc
    root = "/nic/replace"
    fields = {"user": "0123456789abcdef", "password": "made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']} {fields['password']}"

    async def test_a_refusal_leads_to_user_and_password(self, harness: ApiHarness) -> None:
        with pytest.raises(ProviderError, match=r"not for you; check user and password"):
            await harness.open(user="another").add(harness.zone, [txt("a", challenge_value())])
