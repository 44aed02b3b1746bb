"""Linode's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.linode import FakeLinode
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply


class TestLinode(ApiContract):
    slug = "linode"
    fake = FakeLinode
    root = "/v4"
    fields = {"token": "f2d3fac073e0ad28df55694c3d2c040f57a667aa98b1"}

    async def test_it_is_asked_again_when_it_says_that_it_is_busy(
        self, harness: ApiHarness
    ) -> None:
        busy = Reply(400, {"errors": [{"reason": "Linode busy."}]})
        harness.api.after_read.append(lambda: harness.server.faults.append(busy))
        await harness.open().add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]
