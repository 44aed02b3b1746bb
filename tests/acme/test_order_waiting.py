"""Waiting for an order: how often it is looked at, until when, and what is told if it failed."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acme.fake_ca import FakeCa, problem
from tests.acme.obtaining import obtain, opened
from zoneproof.acme.orders import FIRST_DELAY, LONGEST_DELAY, PollPace
from zoneproof.core.errors import AcmeError, AcmeProblemError, OrderFailedError
from zoneproof.core.names import Identifier


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


def refused(ca: FakeCa, number: int, detail: str) -> None:
    ca.challenges[number] |= {
        "status": "invalid",
        "error": {"type": "urn:ietf:params:acme:error:unauthorized", "detail": detail},
    }


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
