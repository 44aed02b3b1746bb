"""Domain-Offensive's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.domainoffensive import FakeDomainOffensive
from tests.providers.harness import challenge_value, txt
from tests.providers.one_value_contract import OneValueContract
from zoneproof.core.errors import ProviderError


class TestDomainOffensive(OneValueContract):
    slug = "domainoffensive"
    fake = FakeDomainOffensive
    root = "/api/letsencrypt"
    fields = {"token": "made-up-token"}

    async def test_what_it_says_of_a_refusal_is_told(self, harness: ApiHarness) -> None:
        with pytest.raises(ProviderError, match="says: Token"):
            await harness.open(token="another").add(harness.zone, [txt("a", challenge_value())])
