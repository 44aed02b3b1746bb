"""What a CA and the way to it get wrong once or a few times does not keep a certificate away."""

from __future__ import annotations

import pytest

from tests.faults import faults
from tests.faults.world import CHALLENGE, DOMAIN, FaultWorld
from tests.support.ca_proxy import STEPS, Fault, Rule
from tests.support.command import Result

ANYWHERE: dict[str, Fault] = {
    "lost after": faults.lost_after,
    "429 for a second": faults.problem(429, "rateLimited", "wait", {"Retry-After": "1"}),
}
READ: dict[str, Fault] = {"cut": faults.cut}
SOMEWHERE: dict[str, Fault] = {
    "lost before": faults.lost_before,
    "500": faults.problem(500, "serverInternal", "it hurts"),
    "429 until a date": faults.limited_until,
    "502 page": faults.html_page(502),
    "503 for a second": faults.says(503, b"", {"Retry-After": "1"}),
    "slow": faults.slow,
}
FAULTS = ANYWHERE | READ | SOMEWHERE

CASES = [
    *((step, fault) for step in STEPS for fault in ANYWHERE),
    *((step, fault) for step in STEPS for fault in READ if step != "newNonce"),
    *((step, fault) for step in ("newOrder", "order") for fault in SOMEWHERE),
]


def require_certificate(world: FaultWorld, result: Result) -> None:
    assert result.status == 0, result.stdout + result.stderr
    assert (world.home / f"live/{DOMAIN}/fullchain.pem").exists()
    assert world.txt_values(CHALLENGE) == set()


@pytest.mark.parametrize(("step", "fault"), CASES)
def test_a_fault_at_a_step_is_survived(world: FaultWorld, step: str, fault: str) -> None:
    world.proxy.obey(Rule(step, FAULTS[fault]))
    require_certificate(world, world.issue(DOMAIN))
    assert world.proxy.unmet == []


@pytest.mark.parametrize("step", ["newOrder", "order"])
def test_three_different_faults_in_a_row_are_survived(world: FaultWorld, step: str) -> None:
    world.proxy.obey(
        Rule(step, faults.lost_after), Rule(step, faults.html_page(502)), Rule(step, faults.cut)
    )
    require_certificate(world, world.issue(DOMAIN))
    assert world.proxy.unmet == []


def test_a_fault_at_every_step_of_one_run_is_survived(world: FaultWorld) -> None:
    world.proxy.obey(*(Rule(step, faults.lost_after) for step in STEPS))
    require_certificate(world, world.issue(DOMAIN, f"*.{DOMAIN}"))
    assert world.proxy.unmet == []


@pytest.mark.parametrize("step", ["newAccount", "newOrder", "challenge", "finalize"])
def test_a_storm_of_refused_nonces_is_survived(world: FaultWorld, step: str) -> None:
    world.proxy.obey(Rule(step, faults.bad_nonce, times=15))
    require_certificate(world, world.issue(DOMAIN))
    assert world.proxy.unmet == []


def test_a_ca_that_takes_long_to_make_the_certificate_is_waited_for(world: FaultWorld) -> None:
    processing = faults.order_says("valid", "processing", times=4)
    world.proxy.obey(Rule("order", processing, times=100))
    result = world.issue(DOMAIN)
    require_certificate(world, result)
    said = [event["status"] for event in result.events if event["event"] == "order_status"]
    assert said.count("processing") >= 4


def test_a_ca_that_takes_long_to_validate_is_waited_for(world: FaultWorld) -> None:
    pending = faults.order_says("ready", "pending", times=4)
    world.proxy.obey(Rule("order", pending, times=100))
    result = world.issue(DOMAIN)
    require_certificate(world, result)
    assert result.event_names.count("order_status") >= 4
