"""WEDOS's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.wedos import FakeWedos
from tests.providers.harness import challenge_value, txt
from zoneproof.providers.wedos import sign_wapi


class TestWedos(ApiContract):
    slug = "wedos"
    fake = FakeWedos
    root = "/wapi/json"
    fields = {"user": "somebody@example.com", "password": "made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']} {fields['password']}"

    async def test_a_batch_is_committed_once(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeWedos)
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(3)]
        provider = harness.open()
        await provider.add(harness.zone, batch)
        assert harness.api.commits == ["zone.example"]
        await provider.remove(harness.zone, batch)
        assert harness.api.commits == ["zone.example"] * 2

    @pytest.mark.parametrize("numbers", [False, True])
    async def test_primary_domains_are_listed(self, harness: ApiHarness, *, numbers: bool) -> None:
        assert isinstance(harness.api, FakeWedos)
        harness.api.numbers_zones = numbers
        names = {zone.name.text for zone in await harness.open().zones()}
        assert "zone.example" in names
        assert "from-elsewhere.example" not in names


@pytest.mark.parametrize(
    ("now", "auth"),
    [  # each computed with sha1sum: of user, sha1sum of the password, and 12, 13, 02 and 02
        (datetime(2026, 1, 15, 11, 30, tzinfo=UTC), "c3b9051cdf4e87616d084c52a473abbdb2a12275"),
        (datetime(2026, 7, 15, 11, 30, tzinfo=UTC), "8cb554d8a79977da938a88f6b754c17fdd571731"),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), "1e73a84788730180651083e07fa8f23a3c3592a4"),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "1e73a84788730180651083e07fa8f23a3c3592a4"),
    ],
)
def test_the_hour_of_prague_is_signed(now: datetime, auth: str) -> None:
    assert sign_wapi("login", "hunter2", now) == auth
