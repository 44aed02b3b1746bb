"""Pebble that validates for real, and finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acme.pebble_client import registered
from tests.support.identifiers import identifiers
from zoneproof.core.errors import AcmeProblemError, OrderFailedError
from zoneproof.testing.pebble import Pebble


@pytest.fixture(scope="module")
def doubting_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Loopback addresses are validated by http-01, at a port where nobody listens."""
    with Pebble(
        tmp_path_factory.mktemp("pebble"), config={"domainBlocklist": ["blocked.example"]}
    ) as server:
        yield server


async def test_failing_identifier_is_named_with_the_cas_reason(doubting_pebble: Pebble) -> None:
    async with registered(doubting_pebble) as client:
        order = await client.new_order(identifiers("127.0.0.1", "127.0.0.2"))
        authorizations = await client.authorizations(order)
        (failing,) = [one for one in authorizations if str(one.identifier) == "127.0.0.2"]
        (challenge,) = [one for one in failing.challenges if one.type == "http-01"]
        await client.answer([challenge])
        with pytest.raises(OrderFailedError) as caught:
            await client.wait_for_order(order)
    (failure,) = caught.value.failures
    assert failure.identifier == "127.0.0.2"
    assert failure.type == "urn:ietf:params:acme:error:connection"
    assert "127.0.0.2" in caught.value.message
    assert failure.detail in caught.value.message


async def test_identifier_that_the_ca_rejects_is_named(doubting_pebble: Pebble) -> None:
    async with registered(doubting_pebble) as client:
        with pytest.raises(
            AcmeProblemError, match=r"blocked\.example.*rejectedIdentifier"
        ) as caught:
            await client.new_order(identifiers("www.blocked.example"))
    assert caught.value.is_type("rejectedIdentifier")
