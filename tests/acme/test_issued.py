"""Certificates at the CA: which chain to take, revocation, when to renew."""

from __future__ import annotations

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, problem
from tests.acme.obtaining import obtain
from zoneproof.core.errors import AcmeConnectionError, AcmeProblemError, InvalidInputError

# --- preferred chains ------------------------------------------------------------------------


async def test_alternate_chain_of_another_certificate_is_not_taken(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        order = await client.fetch_order("https://ca.test/order")
        links = {"Link": '<https://ca.test/other>;rel="alternate"'}
        ca.misdeeds["/cert"] = [httpx2.Response(200, headers=links, content=ca.pem)]
        stranger = FakeCa()
        async with stranger.client() as elsewhere:
            stranger.take_account(elsewhere)
            await obtain(elsewhere)
        ca.misdeeds["/other"] = [httpx2.Response(200, content=stranger.pem)]
        taken = await client.certificate(order, preferred_chain="Another root")
    assert taken == chain
    assert ca.count("/other") == 1


async def test_number_of_alternate_chains_is_bounded(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        await obtain(client)
        order = await client.fetch_order("https://ca.test/order")
        header = ", ".join(f'<https://ca.test/cert?{i}>;rel="alternate"' for i in range(500))
        ca.misdeeds["/cert"] = [httpx2.Response(200, headers={"Link": header}, content=ca.pem)]
        await client.certificate(order, preferred_chain="Another root")
    assert ca.count("/cert") == 12


# --- revocation and renewal ------------------------------------------------------------------


async def test_revoking_twice_is_fine(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        await client.revoke(chain.leaf)
        assert "reason" not in ca.payloads["/revoke"]
        ca.misdeeds["/revoke"] = [problem("alreadyRevoked", 400)]
        await client.revoke(chain.leaf, reason=4)
        await client.revoke(chain.leaf, reason=4)
        assert ca.payloads["/revoke"]["reason"] == 4
        ca.misdeeds["/revoke"] = [problem("unauthorized", 403)]
        with pytest.raises(AcmeProblemError):
            await client.revoke(chain.leaf)


async def test_a_page_in_place_of_the_answer_is_no_revocation(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        ca.misdeeds["/revoke"] = [httpx2.Response(200, content=b"\n<!doctype html><title>Login")]
        with pytest.raises(AcmeConnectionError, match="it is HTML"):
            await client.revoke(chain.leaf)


@pytest.mark.parametrize("reason", [-1, 7, 11])
async def test_reason_that_is_none_is_refused(ca: FakeCa, reason: int) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        with pytest.raises(InvalidInputError, match="not a revocation reason"):
            await client.revoke(chain.leaf, reason=reason)


async def test_renewal_info_is_asked_for_without_signature(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        answer = {
            "suggestedWindow": {"start": "2026-09-01T00:00:00Z", "end": "2026-09-02T00:00:00Z"}
        }
        from zoneproof.acme import cert_id

        path = f"/ari/{cert_id(chain.leaf)}"
        ca.misdeeds[path] = [ca._json(200, answer)]
        info = await client.renewal_info(chain.leaf)
    assert info
    assert info.start.isoformat() == "2026-09-01T00:00:00+00:00"
    assert ("GET", path) in ca.requests


async def test_ca_without_renewal_info_is_not_asked(ca: FakeCa) -> None:
    del ca.directory["renewalInfo"]
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
        before = len(ca.requests)
        assert await client.renewal_info(chain.leaf) is None
    assert len(ca.requests) == before
