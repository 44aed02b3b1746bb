"""An order from beginning to end, with a CA that loses connections, stalls and refuses."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acme.fake_ca import FakeCa, problem
from tests.acme.obtaining import NAMES, obtain
from zoneproof.acme import AcmeClient, Order, make_csr, make_key
from zoneproof.acme.orders import FIRST_DELAY, LONGEST_DELAY, PollPace
from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    OrderFailedError,
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


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()


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


# --- polling ---------------------------------------------------------------------------------


async def opened(ca: FakeCa, client: AcmeClient, *statuses: str) -> Order:
    ca.take_account(client)
    order = await client.new_order(NAMES)
    ca.statuses = list(statuses)
    return order


async def test_order_is_looked_at_after_50_ms_and_then_after_twice_as_long(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, *["pending"] * 8, "ready")
        seen: list[str] = []
        await client.wait_for_order(order, on_poll=lambda order: seen.append(order.status))
    assert ca.clock.slept == [0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert seen == [*["pending"] * 8, "ready"]
    assert ca.count("/authz/0") == 0


@pytest.mark.parametrize("retry_after", ["1", "Sat, 01 Aug 2026 12:00:01 GMT"])
async def test_order_is_looked_at_no_later_than_retry_after(ca: FakeCa, retry_after: str) -> None:
    ca.order_headers = {"Retry-After": retry_after}
    async with ca.client() as client:
        order = await opened(ca, client, *["pending"] * 4, "ready")
        await client.wait_for_order(order)
    assert ca.clock.slept[0] == FIRST_DELAY
    assert max(ca.clock.slept) <= 1.0


async def test_retry_after_of_nothing_does_not_make_us_run_in_circles(ca: FakeCa) -> None:
    ca.order_headers = {"Retry-After": "0"}
    async with ca.client() as client:
        order = await opened(ca, client, *["pending"] * 4, "ready")
        await client.wait_for_order(order)
    assert ca.clock.slept == [0.01, 0.05, 0.1, 0.2, 0.2]


@pytest.mark.parametrize(
    "answer",
    [
        problem("rateLimited", 429, headers={"Retry-After": "120"}),
        problem("rateLimited", 503, headers={"Retry-After": "120"}),
        httpx2.Response(503, headers={"Retry-After": "120"}),
    ],
)
async def test_limit_while_polling_is_waited_for_within_the_deadline(
    ca: FakeCa, answer: httpx2.Response
) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "ready")
        ca.misdeeds["/order"] = [answer]
        assert (await client.wait_for_order(order)).status == "ready"
        assert ca.clock.slept == [FIRST_DELAY, 120.0]
        ca.misdeeds["/order"] = [answer]
        with pytest.raises(AcmeProblemError, match="try again after"):
            await client.wait_for_order(order, deadline_seconds=60)


async def test_order_that_is_stuck_is_given_up_at_the_deadline_and_stays_open(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, *["processing"] * 1000)
        with pytest.raises(AcmeError, match="still reports the order as 'processing' after 90 s"):
            await client.wait_for_order(order, until=("valid",), deadline_seconds=90)
    assert sum(ca.clock.slept) <= 90


async def test_order_that_stays_pending_tells_whom_it_waits_for(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client)
        ca.challenges[0]["status"] = "valid"
        with pytest.raises(AcmeError, match=r"waiting for \*\.example\.com, www\.example\.org:"):
            await client.wait_for_order(order)


async def test_order_that_stays_pending_after_a_failure_is_told_to_have_failed(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client)
        refused(ca, 0, "No TXT record found")
        with pytest.raises(OrderFailedError, match=r"example\.com: No TXT record found"):
            await client.wait_for_order(order)


async def test_order_that_is_there_already_is_not_looked_at(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        await obtain(client)
        order = await client.fetch_order("https://ca.test/order")
        before = len(ca.requests)
        assert await client.wait_for_order(order) is order
        assert len(ca.requests) == before


@given(st.lists(st.none() | st.floats(-10, 1e6), max_size=20))
def test_pace_stays_within_its_bounds(retry_afters: list[float | None]) -> None:
    pace = PollPace()
    for retry_after in retry_afters:
        pace.no_later_than(retry_after)
        assert FIRST_DELAY <= pace.delay <= LONGEST_DELAY


# --- failing ---------------------------------------------------------------------------------


def refused(ca: FakeCa, number: int, detail: str) -> None:
    ca.challenges[number] |= {
        "status": "invalid",
        "error": {"type": "urn:ietf:params:acme:error:unauthorized", "detail": detail},
    }


async def test_failed_order_names_each_identifier_and_the_cas_reason(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        refused(ca, 1, "No TXT record found")
        refused(ca, 2, "Incorrect\nTXT record")
        with pytest.raises(OrderFailedError) as caught:
            await client.wait_for_order(order)
    assert caught.value.message == (
        "the CA at ca.test refused the order: *.example.com: No TXT record found (unauthorized);"
        " www.example.org: Incorrect TXT record (unauthorized)"
    )
    assert [one.identifier for one in caught.value.failures] == ["*.example.com", "www.example.org"]


async def test_order_that_fails_after_it_was_ready_tells_its_own_error(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        ca.order["error"] = {
            "type": "urn:ietf:params:acme:error:caa",
            "detail": "Error finalizing order",
            "subproblems": [
                {
                    "type": "urn:ietf:params:acme:error:caa",
                    "detail": "CAA record forbids it",
                    "identifier": {"type": "dns", "value": "example.com"},
                }
            ],
        }
        with pytest.raises(OrderFailedError, match=r"example\.com: CAA record forbids it \(caa\)"):
            await client.finalize(order, b"")


async def test_order_that_fails_without_subproblems_tells_its_own_error(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        ca.order["error"] = {"type": "about:blank", "detail": "the HSM is on fire"}
        with pytest.raises(OrderFailedError, match="order: the HSM is on fire"):
            await client.wait_for_order(order)


async def test_order_that_fails_without_any_reason_says_so(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        with pytest.raises(OrderFailedError, match="it gave no reason"):
            await client.wait_for_order(order)


async def test_order_with_a_hundred_failures_names_ten_and_lists_all(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        names = [Identifier.parse(f"n{i}.example.com") for i in range(100)]
        order = await client.new_order(names)
        ca.statuses = ["invalid"]
        for i in range(100):
            refused(ca, i, "no")
        with pytest.raises(OrderFailedError, match="and 90 more") as caught:
            await client.wait_for_order(order)
    assert len(caught.value.failures) == 100


async def test_reasons_without_end_are_cut(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        names = [Identifier.parse(f"n{i}.example.com") for i in range(10)]
        order = await client.new_order(names)
        ca.statuses = ["invalid"]
        for i in range(10):
            refused(ca, i, "\x1b[2J\r\n" + "no " * 1000)
        with pytest.raises(OrderFailedError) as caught:
            await client.wait_for_order(order)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 2500


async def test_expired_authorization_is_a_reason(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        ca.challenges[0]["status"] = "expired"
        with pytest.raises(OrderFailedError, match="the authorization is expired"):
            await client.wait_for_order(order)


async def test_failure_is_told_even_if_its_reasons_cannot_be_fetched(ca: FakeCa) -> None:
    async with ca.client() as client:
        order = await opened(ca, client, "invalid")
        ca.misdeeds["/authz/0"] = [httpx2.Response(404)]
        with pytest.raises(OrderFailedError, match="refused the order"):
            await client.wait_for_order(order)


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
