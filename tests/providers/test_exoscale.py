"""Exoscale's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.exoscale import FakeExoscale
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.exoscale import sign_exo2


class TestExoscale(ApiContract):
    slug = "exoscale"
    fake = FakeExoscale
    root = "/v2"
    fields = {"api_key": "EXO0123456789abcdef", "api_secret": "z0123456789abcdefghijklmnopq"}

    async def test_an_operation_is_waited_for(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeExoscale)
        harness.api.pending = 3
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert harness.api.pending == 0

    async def test_an_operation_that_fails_is_an_error(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeExoscale)
        harness.api.failure, harness.api.pending = "it is locked", 1
        with pytest.raises(ProviderError, match=r"zone\.example.*conflict.*it is locked"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])

    async def test_an_operation_is_not_waited_for_endlessly(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeExoscale)
        harness.api.pending = 1000
        value = challenge_value()
        await harness.open().add(harness.zone, [txt("a", value)])  # which is there, it sees
        assert await harness.values(harness.zone, "a") == [value]


@pytest.mark.parametrize(
    ("query", "signed", "signature"),
    [  # v2/api/security_test.go of egoscale, July 2026
        ("", "", "Ntbq/p0HVmA3Zg1HHY+Lq1vjFGi7HeMrrgXDS5jRNlY="),
        (
            "?k1=v1&k2=v2",
            ",signed-query-args=k1;k2",
            "iqOBz13+44L5j0uJclE8hmUhQQcvtCSoPEOXYK6liqY=",
        ),
    ],
)
def test_the_signature_is_that_of_egoscale(query: str, signed: str, signature: str) -> None:
    request = ApiRequest("GET", f"https://api.exoscale.com/v2/zone{query}", {})
    key = "EXOxxxxxxxxxxxxxxxxxxxxxxxx"
    made = sign_exo2(request, key, "X" * 43, 3376684800)
    assert made.headers["Authorization"] == (
        f"EXO2-HMAC-SHA256 credential={key}{signed},expires=3376684800,signature={signature}"
    )
