"""The provider for Hurricane Electric's dynamic TXT records against the fake of its updates."""

from __future__ import annotations

import pytest

from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.hurricane_dyn import FakeHurricaneDyn
from tests.providers.harness import challenge_value, check_message, txt
from tests.providers.one_value_contract import OneValueContract
from tests.support.fake_api import Key
from tests.support.fake_http import Reply
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderZoneError,
)


class TestHurricaneDyn(OneValueContract):
    slug = "hurricane-dyn"
    fake = FakeHurricaneDyn
    root = "/nic/update"
    fields = {"key": "made-up-key-of-a-record"}
    gone = ["."]

    @pytest.mark.parametrize("prefix", ["", "_acme-challenge."])
    async def test_several_records_have_keys_of_their_own(
        self, harness: ApiHarness, prefix: str
    ) -> None:
        harness.api.keys |= {"k3y-of-a": Key(), "k3y-of-b": Key()}
        keys = f"{prefix}a.zone.example:k3y-of-a,{prefix}B.zone.example:k3y-of-b"
        provider = harness.open(key=keys)
        batch = [txt(f"_acme-challenge.{one}", challenge_value()) for one in "ab"]
        await provider.add(harness.zone, batch)
        sent = [request.body for request in harness.server.requests]
        assert b"password=k3y-of-a" in sent[0]
        assert b"password=k3y-of-b" in sent[1]
        with pytest.raises(ProviderCredentialsError, match="there is no key"):
            await provider.add(harness.zone, [txt("_acme-challenge.c", challenge_value())])
        with harness.server.failing(Reply(418, b"k3y-of-a and k3y-of-b")):
            with pytest.raises(ProviderError) as caught:
                await provider.add(harness.zone, batch[:1])
            check_message(caught.value, ["k3y-of-a", "k3y-of-b"])

    async def test_a_name_with_another_dynamic_record_is_explained(
        self, harness: ApiHarness
    ) -> None:
        harness.api.plant(harness.stored, "a", "192.0.2.1", "A")
        with pytest.raises(ProviderZoneError, match="make a dynamic TXT record"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])

    async def test_pairs_without_a_name_or_key_are_refused(self, harness: ApiHarness) -> None:
        with pytest.raises(InvalidInputError, match="name:key"):
            harness.open(key="a.zone.example:")
