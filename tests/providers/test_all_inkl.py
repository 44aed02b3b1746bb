"""All-Inkl's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract, ApiHarness
from tests.providers.contract_suite import challenge_value, txt
from tests.providers.fakes.all_inkl import FakeAllInkl
from tests.support.clock import Clock
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
