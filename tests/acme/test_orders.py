"""An order from beginning to end, with a CA that loses connections, stalls and refuses."""

from __future__ import annotations

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, problem
from tests.acme.obtaining import NAMES, obtain, opened
from zoneproof.acme import make_csr, make_key
from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    RateLimitedError,
)
from zoneproof.core.http import ATTEMPTS
from zoneproof.core.names import Identifier

STEPS = (
    "/new-order",
    "/authz/0",
    "/authz/1",
    "/chall/0",
    "/chall/2",
    "/order",
    "/finalize",
    "/cert",
)


async def test_order_takes_two_requests_a_name_and_a_few_more(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        chain = await obtain(client)
    assert chain.names == tuple(str(name) for name in NAMES)
    without_nonces = [path for _, path in ca.requests if path != "/nonce"]
    assert len(without_nonces) == 2 * len(NAMES) + 6
    assert ca.payloads["/new-order"] == {
        "identifiers": [{"type": "dns", "value": str(name)} for name in NAMES]
    }
    assert ca.payloads["/chall/0"] == {}


@pytest.mark.parametrize("step", STEPS)
async def test_connection_lost_before_the_ca_acted_costs_nothing(ca: FakeCa, step: str) -> None:
    ca.misdeeds[step] = [httpx2.ReadError("reset")]
    async with ca.client() as client:
        ca.take_account(client)
        await obtain(client)
    assert ca.certificates_issued == 1


@pytest.mark.parametrize("step", STEPS)
async def test_connection_lost_after_the_ca_acted_costs_nothing(ca: FakeCa, step: str) -> None:
    ca.lose_reply.add(step)
    async with ca.client() as client:
        ca.take_account(client)
        await obtain(client)
    assert ca.certificates_issued == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, html="<h1>Welcome</h1>"),
        httpx2.Response(200, content=b"{}"),
        httpx2.Response(200, content=b"[1, 2"),
        httpx2.Response(200, content=b""),
        httpx2.Response(404),
        httpx2.Response(401, html="<h1>Log in</h1>"),
    ],
)
async def test_nonsense_at_any_step_ends_in_one_line(
    ca: FakeCa, step: str, answer: httpx2.Response
) -> None:
    ca.misdeeds[step] = [answer] * 10
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeError, match=r"ca\.test") as caught:
            await obtain(client)
    assert caught.value.message.isprintable()


# --- new orders ------------------------------------------------------------------------------


async def test_unknown_profile_is_refused_before_ordering(ca: FakeCa) -> None:
    ca.meta["profiles"] = {"classic": "90 days", "shortlived": "6 days"}
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(InvalidInputError, match="offers classic, shortlived"):
            await client.new_order(NAMES, profile="long")
        assert ca.count("/new-order") == 0
        await client.new_order(NAMES, profile="classic")
    assert ca.payloads["/new-order"]["profile"] == "classic"


async def test_replaced_certificate_is_named_where_the_ca_has_renewal_info(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        await client.new_order(NAMES, replaces="a.b")
    assert ca.payloads["/new-order"]["replaces"] == "a.b"


async def test_replaced_certificate_is_not_named_elsewhere(ca: FakeCa) -> None:
    del ca.directory["renewalInfo"]
    async with ca.client() as client:
        ca.take_account(client)
        await client.new_order(NAMES, replaces="a.b")
    assert "replaces" not in ca.payloads["/new-order"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("alreadyReplaced", 409),
        ("conflict", 409),
        ("conflict", 400),
        ("aWordOfItsOwn", 409),
        ("malformed", 404),
        ("unauthorized", 403),
    ],
)
async def test_refused_replacement_is_ordered_anew_without_saying_what_it_replaces(
    ca: FakeCa, kind: str, status: int
) -> None:
    ca.misdeeds["/new-order"] = [problem(kind, status)]
    async with ca.client() as client:
        ca.take_account(client)
        await client.new_order(NAMES, replaces="a.b")
    assert "replaces" not in ca.payloads["/new-order"]
    assert ca.count("/new-order") == 2


async def test_ca_that_fails_over_the_replacement_still_gets_the_order(ca: FakeCa) -> None:
    ca.misdeeds["/new-order"] = [problem("serverInternal", 500)] * ATTEMPTS
    async with ca.client() as client:
        ca.take_account(client)
        await client.new_order(NAMES, replaces="a.b")
    assert "replaces" not in ca.payloads["/new-order"]
    assert ca.count("/new-order") == ATTEMPTS + 1


async def test_ca_that_names_a_time_is_not_asked_before_without_the_replacement(
    ca: FakeCa,
) -> None:
    later = {"Retry-After": "3600"}
    ca.misdeeds["/new-order"] = [problem("serverInternal", 503, headers=later)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeProblemError, match="try again after"):
            await client.new_order(NAMES, replaces="a.b")
    assert ca.count("/new-order") == 1


async def test_refusal_for_another_reason_is_not_blamed_on_the_replacement(ca: FakeCa) -> None:
    ca.misdeeds["/new-order"] = [problem("rejectedIdentifier", 400)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeProblemError, match="rejectedIdentifier"):
            await client.new_order(NAMES, replaces="a.b")
    assert ca.count("/new-order") == 1


# --- answering -------------------------------------------------------------------------------


async def test_challenges_that_are_no_longer_pending_are_left_alone(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        order = await client.new_order(NAMES)
        challenges = [one.challenges[0] for one in await client.authorizations(order)]
        answered = await client.answer(challenges)
        assert {one.status for one in answered} == {"valid"}
        assert await client.answer(answered) == answered
        assert await client.answer(challenges) == answered


async def test_answer_that_is_refused_for_good_is_an_error(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        order = await client.new_order(NAMES)
        challenges = [one.challenges[0] for one in await client.authorizations(order)]
        ca.misdeeds["/chall/1"] = [problem("unauthorized", 403, "not yours")]
        with pytest.raises(AcmeProblemError, match="not yours"):
            await client.answer(challenges)


async def test_limit_on_answers_is_told(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        order = await client.new_order(NAMES)
        challenges = [one.challenges[0] for one in await client.authorizations(order)]
        ca.misdeeds["/chall/1"] = [problem("rateLimited", 429)]
        with pytest.raises(RateLimitedError):
            await client.answer(challenges)


# --- finalising ------------------------------------------------------------------------------


async def test_order_that_is_not_ready_cannot_be_finalised(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client)
        with pytest.raises(AcmeProblemError, match="orderNotReady"):
            await client.finalize(order, b"")


async def test_order_that_was_finalised_before_a_restart_goes_on(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        order = await client.new_order(NAMES)
        authorizations = await client.authorizations(order)
        await client.answer([one.challenges[0] for one in authorizations])
        ready = await client.wait_for_order(order)
        csr = make_csr(make_key(), NAMES)
        await client.finalize(ready, csr)
        for known in (ready, await client.fetch_order(order.url)):
            assert (await client.finalize(known, csr)).status == "valid"
    assert ca.certificates_issued == 1


async def test_certificate_of_an_unfinished_order_is_told_to_be_missing(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client)
        with pytest.raises(AcmeError, match="no certificate yet: the order is 'pending'"):
            await client.certificate(order)


async def test_certificate_for_other_names_is_refused(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        other = FakeCa()
        async with other.client() as elsewhere:
            other.take_account(elsewhere)
            await obtain(elsewhere)
        order = await client.new_order([Identifier.parse("other.example.net")])
        ca.order |= {"status": "valid", "certificate": "https://ca.test/cert"}
        ca.pem = other.pem
        with pytest.raises(AcmeError, match=r"does not name other\.example\.net"):
            await client.certificate(await client.fetch_order(order.url))


async def test_one_failing_request_of_many_is_the_error_that_is_raised(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client)
        ca.misdeeds["/authz/1"] = [problem("serverInternal", 400, "this one")]
        with pytest.raises(AcmeProblemError, match="this one"):
            await client.authorizations(order)


async def test_lost_connections_without_end_are_an_error(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        ca.misdeeds["/new-order"] = [httpx2.ReadError("reset")] * 100
        with pytest.raises(AcmeConnectionError):
            await client.new_order(NAMES)
