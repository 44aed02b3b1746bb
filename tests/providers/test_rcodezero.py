"""RcodeZero's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.rcodezero import FakeRcodeZero
from tests.providers.harness import challenge_value, txt


class TestRcodeZero(ApiContract):
    slug = "rcodezero"
    fake = FakeRcodeZero
    fields = {"token": "acme_0123456789abcdef0123456789abcdef01234567"}

    async def test_what_another_program_added_meanwhile_stays(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, name, "theirs"))
        await harness.open().add(harness.zone, [txt(name, value)])
        assert sorted(await harness.values(harness.zone, name)) == sorted(["theirs", value])

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

    async def test_bodies_are_those_that_were_recorded(self, harness: ApiHarness) -> None:
        first, second = (txt("_acme-challenge", value) for value in ("token1", "token2"))
        await harness.open().add(harness.zone, [first])
        await harness.open().add(harness.zone, [second])
        await harness.open().remove(harness.zone, [first, second])
        sent = [one.json for one in harness.server.requests if one.method == "PATCH"]
        one, two = ({"content": f'"{value}"', "disabled": False} for value in ("token1", "token2"))
        base = {"name": "_acme-challenge.zone.example.", "type": "TXT", "ttl": first.ttl}
        assert sent == [
            [{**base, "changetype": "add", "records": [one]}],
            [{**base, "changetype": "update", "records": [one, two]}],
            [{**base, "changetype": "delete", "records": []}],
        ]
