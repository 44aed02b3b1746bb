"""NearlyFreeSpeech.NET's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.nearlyfreespeech import FakeNearlyFreeSpeech
from tests.providers.harness import txt
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.nearlyfreespeech import authentication


class TestNearlyFreeSpeech(ApiContract):
    slug = "nearlyfreespeech"
    fake = FakeNearlyFreeSpeech
    fields = {"login": "somebody", "api_key": "p3kxmRKf9dk3l6ls"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['login']} {fields['api_key']}"

    async def test_requests_are_those_that_were_recorded(self, harness: ApiHarness) -> None:
        record = txt("_acme-challenge.full", "challengetoken")
        await harness.open().add(harness.zone, [record])
        await harness.open().remove(harness.zone, [record])
        sent = [(one.path, one.body.decode()) for one in harness.server.requests]
        body = "name=_acme-challenge.full&type=TXT&data=challengetoken"
        assert sent == [
            ("/dns/zone.example/listRRs", "type=TXT"),
            ("/dns/zone.example/addRR", f"{body}&ttl=180"),
            ("/dns/zone.example/listRRs", "type=TXT"),
            ("/dns/zone.example/removeRR", body),
        ]


@pytest.mark.parametrize(
    ("stamp", "salt", "signature"),
    [
        (1692475113, "0123456789ABCDEF", "417a9988c7ad7919b297884dd120b5808d8a1e6f"),
        (1692567766, "0123456789ABCDEF", "b5c28286fd2e1a45a7c576dc2a6430116f721502"),
        (1692475113, "FEDCBA9876543210", "0f766822bda4fdc09829be4e1ea5e27ae3ae334e"),
    ],
)
def test_signatures_are_those_of_lego(stamp: int, salt: str, signature: str) -> None:
    request = ApiRequest("POST", "https://api.nearlyfreespeech.net/path", {}, b"data")
    signed = authentication(request, "user", "secret", stamp, salt)
    assert signed == f"user;{stamp};{salt};{signature}"
