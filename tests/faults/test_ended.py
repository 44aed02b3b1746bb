"""What ends a run is told in one line, leaves nothing in the DNS, and is made good by the next."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.faults import faults
from tests.faults.world import CHALLENGE, DOMAIN, FaultWorld, error_of
from tests.support.ca_proxy import STEPS, Fault, Rule

ALWAYS = 1000
# The steps at which the journal already knows of an order.
WITH_ORDER = ("authorization", "challenge", "order", "finalize", "certificate")

BUSY = faults.problem(503, "serverInternal", "maintenance", {"Retry-After": "3600"})
LIMITED = faults.problem(429, "rateLimited", "too many orders", {"Retry-After": "3600"})
LIMITED_FOR_EVER = faults.problem(429, "rateLimited", "too many orders")

LOST = r"was lost before it answered .*; try again later$"
LATER = r"limits requests: too many orders .*; try again later$"


def with_token(token: str) -> Fault:
    return faults.changed(
        lambda authorization: {
            **authorization,
            "challenges": [{**one, "token": token} for one in authorization["challenges"]],
        }
    )


def without_dns(authorization: dict[str, Any]) -> dict[str, Any]:
    left = [one for one in authorization["challenges"] if one["type"] != "dns-01"]
    return {**authorization, "challenges": left}


CASES: list[tuple[str, str, Fault, str]] = [
    *(
        (step, "busy for an hour", BUSY, r"has an internal error: .*again after \d{4}-")
        for step in STEPS
    ),
    *(
        (
            step,
            "lost for ever",
            faults.lost_after,
            LOST,
        )
        for step in ("newAccount", "newOrder", "challenge", "finalize")
    ),
    *(
        (step, "limited for an hour", LIMITED, r"limits requests: .*; try again after \d{4}-")
        for step in ("newOrder", "finalize")
    ),
    *(
        (
            step,
            "limited for ever",
            LIMITED_FOR_EVER,
            LATER,
        )
        for step in ("newAccount", "newOrder", "challenge")
    ),
    *(
        (step, "garbled", faults.garbled, "that cannot be read")
        for step in ("directory", "newOrder", "authorization", "order", "certificate")
    ),
    ("directory", "page", faults.html_page(200), "that cannot be read"),
    ("newAccount", "500", faults.problem(500, "serverInternal", "it hurts"), "it hurts .*later"),
    ("finalize", "502 page", faults.html_page(502), "HTML instead of ACME .*try again later"),
    ("newOrder", "404 page", faults.html_page(404), "HTML instead of ACME .*its directory"),
    (
        "newOrder",
        "nonces",
        faults.bad_nonce,
        r"has an internal error: .*badNonce\); try again later$",
    ),
    (
        "newOrder",
        "refused",
        faults.problem(403, "unauthorized", "blocked by policy"),
        r"refused: blocked by policy \(unauthorized\)",
    ),
    (
        "newOrder",
        "waits for a person",
        faults.problem(403, "userActionRequired", "new terms"),
        "needs you to act: new terms",
    ),
    (
        "finalize",
        "bad request",
        faults.problem(400, "badCSR", "weak key"),
        r"refused: weak key \(badCSR\)",
    ),
    (
        "authorization",
        "no dns-01",
        faults.changed(without_dns),
        f"does not offer dns-01 for {DOMAIN}: it offers .*http-01",
    ),
    ("authorization", "token", with_token("../../etc/passwd"), "token"),
]


@pytest.mark.parametrize(
    ("step", "fault", "message"),
    [
        pytest.param(step, fault, message, id=f"{step}-{name}")
        for step, name, fault, message in CASES
    ],
)
def test_a_fault_that_stays_is_told_and_the_next_run_succeeds(
    world: FaultWorld, step: str, fault: Fault, message: str
) -> None:
    world.proxy.obey(Rule(step, fault, times=ALWAYS))
    result = world.issue(DOMAIN)
    assert re.search(message, error_of(result)), error_of(result)
    assert world.txt_values(CHALLENGE) == set()

    world.proxy.obey()
    again = world.issue(DOMAIN)
    assert again.status == 0, again.stdout + again.stderr
    assert world.txt_values(CHALLENGE) == set()
    assert ("order_resumed" in again.event_names) is (step in WITH_ORDER)


REFUSED = {
    "type": "urn:ietf:params:acme:error:unauthorized",
    "detail": "the account may not have this",
    "status": 403,
}


def test_an_order_that_becomes_invalid_after_it_was_ready_is_told_and_begun_anew(
    world: FaultWorld,
) -> None:
    invalid = faults.order_says("valid", "invalid", times=ALWAYS, error=REFUSED)
    world.proxy.obey(Rule("order", invalid, times=ALWAYS))
    message = error_of(world.issue(DOMAIN))
    assert "refused the order: order: the account may not have this (unauthorized)" in message
    assert world.txt_values(CHALLENGE) == set()

    world.proxy.obey()
    again = world.issue(DOMAIN)
    assert again.status == 0, again.stdout
    assert "order_resumed" not in again.event_names


def test_a_validation_that_fails_is_told_with_its_name_and_begun_anew(world: FaultWorld) -> None:
    def failed(authorization: dict[str, Any]) -> dict[str, Any]:
        one = authorization["challenges"][0]
        error = {"type": REFUSED["type"], "detail": "no TXT record found", "status": 403}
        return {
            **authorization,
            "status": "invalid",
            "challenges": [{**one, "status": "invalid", "error": error}],
        }

    invalid = faults.order_says("ready", "invalid", times=ALWAYS)
    world.proxy.obey(
        Rule("order", invalid, times=ALWAYS),
        Rule("authorization", faults.changed(failed), times=ALWAYS, skip=1),
    )
    message = error_of(world.issue(DOMAIN))
    assert f"refused the order: {DOMAIN}: no TXT record found (unauthorized)" in message
    assert world.txt_values(CHALLENGE) == set()

    world.proxy.obey()
    assert world.issue(DOMAIN).status == 0


def test_a_refused_name_among_others_is_told_by_its_name(world: FaultWorld) -> None:
    """Subproblems are those of RFC 8555 section 6.7.1."""
    kind = "urn:ietf:params:acme:error:rejectedIdentifier"
    document = {
        "type": kind,
        "detail": "some names were rejected",
        "status": 400,
        "subproblems": [
            {
                "type": kind,
                "detail": "on a blocklist",
                "identifier": {"type": "dns", "value": f"www.{DOMAIN}"},
            }
        ],
    }
    world.proxy.obey(Rule("newOrder", faults.json_problem(400, document), times=ALWAYS))
    message = error_of(world.issue(DOMAIN, f"www.{DOMAIN}"))
    assert f"www.{DOMAIN}: on a blocklist" in message


def test_a_ca_that_forgot_the_account_is_told_and_registers_it_anew(world: FaultWorld) -> None:
    assert world.issue(DOMAIN).status == 0
    gone = faults.problem(400, "accountDoesNotExist", "no account with that URL")
    world.proxy.obey(Rule("newOrder", gone, times=ALWAYS))
    message = error_of(world.issue(DOMAIN, "--force"))
    assert re.search(
        "no longer knows your account: run this again .* to register it anew$", message
    ), message

    world.proxy.obey()
    assert world.issue(DOMAIN).status == 0
    assert "newAccount" in world.proxy.seen


def test_an_order_that_the_ca_has_forgotten_is_begun_anew(world: FaultWorld) -> None:
    world.proxy.obey(Rule("order", BUSY, times=ALWAYS))
    assert world.issue(DOMAIN).status == 1
    gone = faults.problem(404, "malformed", "no such order")
    world.proxy.obey(Rule("order", gone))
    again = world.issue(DOMAIN)
    assert again.status == 0, again.stdout
    assert "order_created" in again.event_names


def test_another_certificate_in_place_of_ours_is_not_used(world: FaultWorld) -> None:
    """The CA mixes up two orders for the same name."""
    assert world.issue(DOMAIN, "--name=other").status == 0
    other = (world.home / "live/other/fullchain.pem").read_bytes()
    mixed_up = faults.says(200, other, {"Content-Type": "application/pem-certificate-chain"})
    world.proxy.obey(Rule("certificate", mixed_up))
    assert "is not for our key: not using it" in error_of(world.issue(DOMAIN))
    assert not (world.home / f"live/{DOMAIN}").exists()

    again = world.issue(DOMAIN)
    assert again.status == 0, again.stdout
    assert "order_created" in again.event_names
    assert (world.home / f"live/{DOMAIN}/fullchain.pem").read_bytes() != other
