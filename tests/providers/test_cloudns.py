"""ClouDNS's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.cloudns import FakeClouDns
from tests.providers.harness import challenge_value
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import TxtRecord


class TestClouDns(ApiContract):
    slug = "cloudns"
    fake = FakeClouDns
    fields = {"sub_auth_id": "1234", "auth_password": "Geheim-und-lang_0123456789"}

    async def test_a_ttl_becomes_the_next_one_that_there_is(self, harness: ApiHarness) -> None:
        for ttl, taken in ((60, 60), (61, 300), (7200, 21600)):
            record = TxtRecord(f"t{ttl}", challenge_value(), ttl)
            await harness.open().add(harness.zone, [record])
            assert [one.ttl for one in harness.stored.at(record.name)] == [taken]

    async def test_one_user_is_needed(self, harness: ApiHarness) -> None:
        with pytest.raises(InvalidInputError, match="needs one of the fields"):
            harness.open(auth_id="1")
        with pytest.raises(InvalidInputError, match="needs one of the fields"):
            harness.open(sub_auth_id="")
