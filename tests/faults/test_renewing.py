"""Renewals while the CA has trouble: what is there stays, and the CA is left in peace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults import faults
from tests.faults.world import CHALLENGE, DOMAIN, FaultWorld
from tests.support.ca_proxy import RENEWAL_INFO, STEPS, Fault, Rule
from tests.support.peers.pebble import renewal_window, set_renewal_info

ALWAYS = 1000
HOUR = timedelta(hours=1)


@pytest.fixture
def certificate(world: FaultWorld) -> bytes:
    """The PEM of a certificate that is managed."""
    world.write_settings()
    assert world.issue(DOMAIN).status == 0
    return pem(world)


def pem(world: FaultWorld) -> bytes:
    return (world.home / f"live/{DOMAIN}/cert.pem").read_bytes()


def ask_for_renewal(world: FaultWorld, certificate: bytes) -> None:
    now = datetime.now(UTC)
    set_renewal_info(world.pebble, certificate, renewal_window(now - 2 * HOUR, now - HOUR))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.lost_before, id="lost"),
        pytest.param(faults.problem(500, "serverInternal", "it hurts"), id="500"),
        pytest.param(faults.problem(404, "malformed", "no such certificate"), id="404"),
        pytest.param(faults.garbled, id="garbled"),
    ],
)
def test_a_ca_that_cannot_say_when_to_renew_does_no_harm(
    world: FaultWorld, certificate: bytes, fault: Fault
) -> None:
    world.proxy.obey(Rule(RENEWAL_INFO, fault, times=ALWAYS))
    result = world.run("renew")
    assert result.status == 0, result.stdout + result.stderr
    assert "1 not due" in result.stdout
    assert RENEWAL_INFO in world.proxy.seen
    assert "newOrder" not in world.proxy.seen
    assert world.shown(DOMAIN)["failures"] == 0
    assert pem(world) == certificate


def test_a_limit_is_kept_to_and_the_certificate_stays(
    world: FaultWorld, certificate: bytes
) -> None:
    ask_for_renewal(world, certificate)
    limited = faults.problem(429, "rateLimited", "too many", {"Retry-After": "3600"})
    world.proxy.obey(Rule("newOrder", limited, times=ALWAYS))
    result = world.run("renew")
    assert result.status == 1
    assert "limits requests: too many (rateLimited); try again after" in result.stderr
    assert "Traceback" not in result.stderr
    assert pem(world) == certificate
    assert "limits requests" in world.shown(DOMAIN)["last_error"]

    world.proxy.obey()
    assert world.run("renew").status == 0
    assert "newOrder" not in world.proxy.seen  # not before the hour is over
    assert world.run("renew", "--force").status == 0
    assert pem(world) != certificate
    assert world.shown(DOMAIN)["failures"] == 0


def test_a_renewal_survives_a_fault_at_every_step(world: FaultWorld, certificate: bytes) -> None:
    ask_for_renewal(world, certificate)
    steps = [step for step in (*STEPS, RENEWAL_INFO) if step != "newAccount"]
    world.proxy.obey(*(Rule(step, faults.lost_after) for step in steps))
    result = world.run("renew")
    assert result.status == 0, result.stdout + result.stderr
    # Once in a hundred times Pebble takes the earlier validation.
    validation = () if "challenge" in world.proxy.seen else ("authorization", "challenge")
    assert [rule for rule in world.proxy.unmet if rule.step not in validation] == []
    assert pem(world) != certificate
    assert world.txt_values(CHALLENGE) == set()


def test_a_renewal_that_was_cut_off_goes_on_with_its_order(
    world: FaultWorld, certificate: bytes
) -> None:
    ask_for_renewal(world, certificate)
    world.proxy.obey(Rule("certificate", faults.says(503), times=ALWAYS))
    assert world.run("renew").status == 1
    assert pem(world) == certificate

    world.proxy.obey()
    assert world.run("renew", "--force").status == 0
    assert "newOrder" not in world.proxy.seen
    assert pem(world) != certificate
