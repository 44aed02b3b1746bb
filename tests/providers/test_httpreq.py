"""The provider for lego's httpreq protocol against a service that speaks it."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.httpreq import FakeHttpReq
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import InvalidInputError, ProviderUnavailableError


class TestHttpReq(ApiContract):
    """What needs a way to read is not asked of it: the protocol has none."""

    slug = "httpreq"
    fake = FakeHttpReq
    fields = {"user": "acme", "password": "a-made-up-password"}

    async def test_name_and_value_are_posted_as_lego_does(self, harness: ApiHarness) -> None:
        value = challenge_value()
        await harness.open().add(harness.zone, [txt("_acme-challenge", value)])
        (request,) = harness.server.requests
        assert (request.method, request.path) == ("POST", "/present")
        assert request.json == {"fqdn": "_acme-challenge.zone.example.", "value": value}

    async def test_a_password_without_its_user_is_not_sent(self, harness: ApiHarness) -> None:
        """As lego does."""
        harness.server.handler = lambda request: Reply(200)
        await harness.open(user="").add(harness.zone, [txt("a", challenge_value())])
        (request,) = harness.server.requests
        assert request.login is None

    async def test_a_write_that_fails_for_good_may_have_been_done(
        self, harness: ApiHarness
    ) -> None:
        with (
            harness.server.failing(Reply(500, b"down")),
            pytest.raises(ProviderUnavailableError) as caught,
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert not caught.value.changed_nothing

    async def test_of_a_read_that_fails_nothing_was_written(self, harness: ApiHarness) -> None:
        """Nothing is read."""

    async def test_what_others_add_meanwhile_stays(self, harness: ApiHarness) -> None:
        """Nothing is read, so there is no meanwhile."""

    async def test_of_an_unknown_name_nothing_is_written(self, harness: ApiHarness) -> None:
        """The protocol has no zones; the service says what it likes."""

    async def test_raw_mode_is_refused(self, harness: ApiHarness) -> None:
        with pytest.raises(InvalidInputError, match="key authorization"):
            harness.open(mode="RAW")
