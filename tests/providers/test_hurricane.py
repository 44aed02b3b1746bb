"""Hurricane Electric's provider against the fake of its web pages."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.hurricane import FakeHurricane
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderCredentialsError, ProviderError


class TestHurricane(ApiContract):
    slug = "hurricane"
    fake = FakeHurricane
    fields = {"user": "somebody", "password": "correct horse"}

    async def test_a_second_factor_is_told_with_the_way_around(self, harness: ApiHarness) -> None:
        form = b'<html><input type="text" id="tfacode" name="tfacode"/></html>'
        with (
            harness.server.failing(Reply(200, form)),
            pytest.raises(ProviderCredentialsError, match="hurricane-dyn"),
        ):
            await harness.open().zones()

    async def test_a_page_that_does_not_tell_of_success_is_a_failure(
        self, harness: ApiHarness
    ) -> None:
        page = Reply(200, b'<html><a id="_tlogout">Logout</a></html>')
        harness.api.after_read.append(lambda: harness.server.faults.append(page))
        with pytest.raises(ProviderError, match="does not say"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
