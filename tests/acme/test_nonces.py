"""Nonces (RFC 8555 section 6.5): refused, missing, unusable."""

from __future__ import annotations

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, problem
from zoneproof.acme.transport import BAD_NONCES
from zoneproof.core.errors import AcmeConnectionError, AcmeProblemError
from zoneproof.core.names import Identifier

NAMES = [Identifier("dns", "example.com")]


async def test_bad_nonce_is_repeated_with_the_errors_own_nonce(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        await client.new_order(NAMES)
        ca.forget_nonces()
        await client.new_order(NAMES)
    assert ca.count("/nonce") == 1
    assert ca.count("/new-order") == 3


async def test_bad_nonce_is_repeated_at_least_ten_times(ca: FakeCa) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        return problem("badNonce", 400, headers=ca._nonce())

    async with ca.client() as client:
        ca.take_account(client)
        ca.misdeeds["/new-order"] = [refuse] * 10
        await client.new_order(NAMES)
        ca.misdeeds["/new-order"] = [refuse] * 1000
        with pytest.raises(AcmeProblemError, match=r"has an internal error: .*badNonce.*later"):
            await client.new_order(NAMES)
    assert ca.count("/new-order") == 11 + BAD_NONCES + 1
    assert ca.clock.slept == []


async def test_bad_nonce_without_a_new_one_is_repeated_with_one_from_new_nonce(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        ca.misdeeds["/new-order"] = [problem("badNonce", 400)]
        await client.new_order(NAMES)
    assert ca.count("/nonce") == 2


async def test_errors_refill_the_pool_too(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        ca.misdeeds["/order"] = [
            lambda request: problem("malformed", 404, headers=ca._nonce()),
        ]
        with pytest.raises(AcmeProblemError):
            await client.fetch_order("https://ca.test/order")
        await client.new_order(NAMES)
    assert ca.count("/nonce") == 1


@pytest.mark.parametrize("nonce", [None, "not base64url!", "x" * 1000])
async def test_ca_without_usable_nonces_is_told(ca: FakeCa, nonce: str | None) -> None:
    headers = {"Replay-Nonce": nonce} if nonce else {}
    ca.misdeeds["/nonce"] = [httpx2.Response(200, headers=headers)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeConnectionError, match="sent no nonce"):
            await client.new_order(NAMES)
