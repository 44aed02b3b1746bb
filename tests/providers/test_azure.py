"""Azure's provider against the fake of its API, its login and its metadata service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.azure import FakeAzure
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider


class TestAzure(ApiContract):
    slug = "azure"
    fake = FakeAzure
    fields = {
        "subscription_id": "sub-1",
        "tenant_id": "tenant-1",
        "client_id": "client-1",
        "client_secret": "i8Q~0123456789abcdef",
    }

    def urls(self, server: str) -> dict[str, str]:
        return dict.fromkeys(("api_url", "login_url", "graph_url", "metadata_url"), server)

    async def test_the_requests_are_as_recorded(self, harness: ApiHarness) -> None:
        """As dns-lexicon recorded them in June 2023, but for the version of the login."""
        record = txt("_acme-challenge.test", "challengetoken")
        await harness.open().add(Zone(harness.zone.name), [record])
        group = "/resourceGroups/rg-1/providers/Microsoft.Network/dnszones"
        place = f"/subscriptions/sub-1{group}/{harness.zone.name}/TXT/_acme-challenge.test"
        version = "?api-version=2018-05-01"
        asked = [(one.method, one.path) for one in harness.server.requests[1:]]
        zones = f"/subscriptions/sub-1/providers/Microsoft.Network/dnsZones{version}"
        assert asked == [("GET", zones), ("GET", place + version), ("PUT", place + version)]
        properties = {"TTL": 60, "TXTRecords": [{"value": ["challengetoken"]}]}
        assert harness.server.requests[-1].json == {"properties": properties}

    async def test_a_set_without_values_is_filled(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeAzure)
        name, value = await harness.new_name(), challenge_value()
        harness.api.empty.add(name)
        await harness.open().add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]

    async def test_a_change_in_progress_is_waited_for(self, harness: ApiHarness) -> None:
        provider, values = harness.open(), [challenge_value(), challenge_value()]
        await provider.add(harness.zone, [txt("a", values[0])])
        pending = harness.api.refuse("pending")
        harness.api.after_read.append(lambda: harness.server.faults.append(pending))
        await provider.add(harness.zone, [txt("a", values[1])])
        assert sorted(await harness.values(harness.zone, "a")) == sorted(values)

    @pytest.mark.parametrize("client_id", ["", "user-assigned"])
    async def test_a_managed_identity_needs_no_secret(
        self, harness: ApiHarness, client_id: str
    ) -> None:
        harness.api.keys[client_id or "system"] = Key()
        name, value = await harness.new_name(), challenge_value()
        managed = {"identity": "managed", "client_id": client_id, "client_secret": ""}
        await signed_in(harness, managed).add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        with pytest.raises(ProviderCredentialsError, match="Identity not found"):
            await signed_in(harness, {**managed, "client_id": "other"}).zones()

    async def test_a_workload_shows_its_token(self, harness: ApiHarness, tmp_path: Path) -> None:
        file = tmp_path / "token"
        workload = {"identity": "workload", "client_secret": "", "token_file": str(file)}
        with pytest.raises(ProviderCredentialsError, match=str(file)):
            await signed_in(harness, workload).zones()
        file.write_text("kubernetes-token\n")
        harness.api.keys["kubernetes-token"] = Key()
        assert len(await signed_in(harness, workload).zones()) == 2

    async def test_a_private_zone_has_its_own_api(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeAzure)
        harness.api.zones.clear()
        harness.api.private = True
        harness.add_zone("zone.example")
        provider = harness.open(visibility="private")
        (zone,) = await provider.zones()
        value = challenge_value()
        await provider.add(zone, [txt("a", value)])
        assert await harness.values(zone, "a") == [value]
        await provider.remove(zone, [txt("a", value)])
        assert await harness.values(zone, "a") == []

    def test_an_application_needs_all_of_its_fields(self) -> None:
        context = ProviderContext({**self.fields, "client_secret": ""})
        with pytest.raises(InvalidInputError, match="client_secret"):
            open_provider("azure", context)


def signed_in(harness: ApiHarness, changed: Mapping[str, str]) -> Provider:
    return harness.remember(harness.make(changed=changed))
