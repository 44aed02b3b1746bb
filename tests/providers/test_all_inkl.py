"""All-Inkl's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.all_inkl import FakeAllInkl, done
from tests.providers.harness import challenge_value, txt
from tests.support.clock import Clock
from zoneproof.core.errors import ProviderError
from zoneproof.providers import ProviderContext, open_provider


class TestAllInkl(ApiContract):
    slug = "all-inkl"
    fake = FakeAllInkl
    root = "/soap/KasApi.php"
    fields = {"login": "w0123456", "password": "geheim-und-lang"}

    async def test_requests_wait_as_long_as_the_answers_ask_for(self, harness: ApiHarness) -> None:
        clock = Clock()
        fields = {**self.fields, **self.urls(harness.server.url)}
        context = ProviderContext(fields, sleep=clock.sleep, clock=clock)
        provider = harness.remember(open_provider(self.slug, context))
        start = clock()
        await provider.add(harness.zone, [txt("a", challenge_value()), txt("b", challenge_value())])
        assert clock() - start == 1.0  # a list and two records, half a second apart

    async def test_a_record_without_its_id_is_an_unexpected_answer(
        self, harness: ApiHarness
    ) -> None:
        record = {"record_name": "a", "record_type": "TXT", "record_data": "x"}
        with (
            harness.server.failing(done([record])),
            pytest.raises(ProviderError, match="get_dns_settings is not as expected"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
