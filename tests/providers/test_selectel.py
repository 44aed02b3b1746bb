"""Selectel's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.selectel import FakeSelectel
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestSelectel(ApiContract):
    slug = "selectel"
    fake = FakeSelectel
    fields = {
        "user": "acme",
        "password": "a-made-up-password",
        "account": "1234567",
        "project": "my project",
    }

    def urls(self, server: str) -> Mapping[str, str]:
        return {"api_url": f"{server}/domains/v2", "auth_url": f"{server}/identity/v3/"}

    def key(self, fields: Mapping[str, str]) -> str:
        user = f"{fields['account']}:{fields['user']}:{fields['password']}"
        return f"{user}:{fields['account']}/{fields['project']}"

    async def test_a_project_may_be_given_by_its_id(self, harness: ApiHarness) -> None:
        project = "111a11111aaa11aa1a11aaa11111aa1a"
        harness.api.keys[f"1234567:acme:a-made-up-password:{project}"] = Key()
        await harness.open(project=project).add(harness.zone, [txt("a", "value")])
        assert await harness.values(harness.zone, "a") == ["value"]

    async def test_what_is_disabled_stays(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        await harness.plant_value(name, "theirs")
        harness.stored.at(name)[0].extra = {"disabled": True}
        await harness.open().add(harness.zone, [txt(name, value), txt(name, "theirs")])
        assert [one.value for one in harness.stored.at(name)] == [value, "theirs", "theirs"]
        await harness.open().remove(harness.zone, [txt(name, value), txt(name, "theirs")])
        assert [(one.value, one.extra) for one in harness.stored.at(name)] == [
            ("theirs", {"disabled": True})
        ]

    async def test_a_zone_that_is_turned_off_is_not_listed(self, harness: ApiHarness) -> None:
        harness.add_zone("off.zone.example")
        harness.api.keys[harness.key] = Key()
        zones = await harness.open().zones()
        assert sorted(one.name.text for one in zones) == ["xzone.example", "zone.example"]

    async def test_names_are_in_unicode_there(self, harness: ApiHarness) -> None:
        stored = harness.add_zone("xn--bcher-kva.example")
        harness.api.keys[harness.key] = Key()
        zone, values = Zone(DomainName.parse("bücher.example")), [challenge_value() for _ in "ab"]
        provider = harness.open()
        for value in values:
            await provider.add(zone, [txt("_acme-challenge", value)])
        assert [one.value for one in stored.at("_acme-challenge")] == values
        assert "b%C3%BCcher.example" in harness.server.requests[-1].path
