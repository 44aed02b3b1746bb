"""Duck DNS's provider beside the fake of its update URL."""

from __future__ import annotations

from tests.providers.api_harness import ApiHarness
from tests.support.fake_api import FakeZone
from zoneproof.providers import TxtRecord, Zone


class DuckDnsHarness(ApiHarness):
    """Zones are domains of Duck DNS, whose value answers for all names below."""

    def add_zone(self, name: str) -> FakeZone:
        return super().add_zone(f"{name.removesuffix('.example')}.duckdns.org")

    async def values(self, zone: Zone, name: str) -> list[str]:
        return await super().values(zone, "")

    async def refused_record(self) -> TxtRecord:
        return TxtRecord("_acme-challenge", "refused-value", 60)

    def second(self) -> ApiHarness:
        other = DuckDnsHarness(self.row, self.api, self.server, second=True)
        other._opened = self._opened
        return other
