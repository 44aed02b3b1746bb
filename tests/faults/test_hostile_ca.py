"""A CA that means harm: each run ends in one short line, writes nothing, and the next succeeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.faults import faults
from tests.faults.world import CHALLENGE, DOMAIN, FaultWorld, error_of
from tests.support.ca_proxy import Fault, Forward, Reply, Rule

ALWAYS = 1000
LONGEST = 3000  # characters of what is told
TRICKS = "x\x1b[31m\u202e\x9b\r\nzoneproof: forged"
END_OF_TIME = "Fri, 31 Dec 9999 23:59:59 -1200"


def with_header(name: str, value: str | None) -> Fault:
    def fault(forward: Forward) -> Reply | None:
        reply = forward()
        kept = {key: text for key, text in reply.headers.items() if key.lower() != name.lower()}
        return replace(reply, headers=kept | ({name: value} if value is not None else {}))

    return fault


def saying(**members: Any) -> Fault:
    return faults.changed(lambda document: {**document, **members})


def with_challenges(**members: Any) -> Fault:
    def change(authorization: dict[str, Any]) -> dict[str, Any]:
        changed = [{**one, **members} for one in authorization["challenges"]]
        return {**authorization, "challenges": changed}

    return faults.changed(change)


def problem_of(members: Mapping[str, Any]) -> Fault:
    return faults.json_problem(403, {"type": TRICKS, "detail": TRICKS * 500, **members})


SUBPROBLEMS = [{"detail": TRICKS * 20, "identifier": {"value": TRICKS}}] * 100
CASES: list[tuple[str, str, Fault, str]] = [
    ("directory", "http", saying(newOrder="http://127.0.0.1/"), "does not start with https"),
    ("directory", "file", saying(newNonce="file:///etc/passwd"), "is not a URL"),
    ("directory", "10 MB", faults.says(200, bytes(10_000_000)), "larger than 1 MiB"),
    (
        "directory",
        "redirect",
        faults.says(302, b"", {"Location": "https://a/\x9b[31m"}),
        "redirects",
    ),
    ("newNonce", "none", with_header("Replay-Nonce", None), "sent no nonce"),
    ("newNonce", "illegal", with_header("Replay-Nonce", "a/../b"), "sent no nonce"),
    ("newAccount", "no place", with_header("Location", None), "did not send the URL"),
    ("newAccount", "problem", problem_of({"subproblems": SUBPROBLEMS}), "refused: x"),
    (
        "newAccount",
        "action",
        faults.problem(
            403, "userActionRequired", TRICKS, {"Link": f"<{'a' * 50_000}>;rel=terms-of-service"}
        ),
        "needs you to act",
    ),
    ("newAccount", "kind", faults.says(404, b"x", {"Content-Type": "x" * 50_000}), "instead of"),
    ("newOrder", "no place", with_header("Location", None), "did not send the URL"),
    ("newOrder", "place", with_header("Location", "http://127.0.0.1/"), "does not start with"),
    ("newOrder", "endless", saying(authorizations=["https://a/"] * 10_000), "cannot be read"),
    ("newOrder", "deep", faults.says(201, b"[" * 300_000, {"Location": "https://a/"}), "be read"),
    ("newOrder", "status", saying(status="banana"), "cannot be read"),
    ("authorization", "status", saying(status="banana"), "cannot be read"),
    (
        "authorization",
        "identifier",
        saying(identifier={"type": "dns", "value": "other.example"}),
        "other.example, which was not ordered",
    ),
    (
        "authorization",
        "tricks",
        saying(identifier={"type": "dns", "value": TRICKS}),
        "cannot be read",
    ),
    (
        "authorization",
        "kinds",
        saying(challenges=[{"type": "t" * 90, "url": "https://a/"}] * 5000),
        "does not offer dns-01",
    ),
    ("authorization", "no token", with_challenges(token=""), "is not base64url"),
    ("authorization", "token", with_challenges(token="a\n"), "is not base64url"),
    ("authorization", "url", with_challenges(url="http://127.0.0.1/"), "does not start with"),
    ("challenge", "problem", problem_of({}), "refused: x"),
    (
        "order",
        "invalid",
        faults.order_says(
            "ready", "invalid", ALWAYS, error={"detail": TRICKS * 500, "subproblems": SUBPROBLEMS}
        ),
        "refused the order",
    ),
    (
        "order",
        "limit",
        faults.problem(429, "rateLimited", TRICKS, {"Retry-After": END_OF_TIME}),
        r"again after \d{4}-",
    ),
    ("finalize", "problem", problem_of({"subproblems": SUBPROBLEMS}), "refused: x"),
    ("certificate", "5 MB", faults.says(200, bytes(5_000_000)), "larger than 1 MiB"),
    ("certificate", "tricks", faults.says(200, TRICKS.encode()), "cannot be read"),
    ("certificate", "moved", faults.says(302, b"", {"Location": "https://a/"}), "redirects"),
]


@pytest.mark.parametrize(
    ("step", "fault", "told"),
    [pytest.param(*one[:1], *one[2:], id=f"{one[0]}-{one[1]}") for one in CASES],
)
def test_what_a_hostile_ca_says_is_one_short_line(
    world: FaultWorld, step: str, fault: Fault, told: str
) -> None:
    world.proxy.obey(Rule(step, fault, times=ALWAYS))
    message = error_of(world.issue(DOMAIN))
    assert re.search(told, message), message
    assert len(message) < LONGEST
    assert world.txt_values(CHALLENGE) == set()
    assert not (world.home / "live").exists()
    for command in ("list", "history"):
        shown = world.run(command, *([DOMAIN] if command == "history" else [])).stdout
        assert all(line.isprintable() and len(line) < LONGEST for line in shown.splitlines())


@pytest.mark.parametrize("value", ["1000000000", "-5", END_OF_TIME, "\x9b[31m"])
def test_an_absurd_retry_after_holds_nothing_up(world: FaultWorld, value: str) -> None:
    rules = [Rule(step, with_header("Retry-After", value), times=ALWAYS) for step in ("order",)]
    world.proxy.obey(*rules)
    assert world.issue(DOMAIN).status == 0


def test_words_of_the_directory_do_no_harm(world: FaultWorld) -> None:
    meta = {
        "termsOfService": f"https://a/{TRICKS}",
        "website": TRICKS,
        "profiles": {TRICKS * 10: TRICKS},
    }
    world.proxy.obey(Rule("directory", saying(meta=meta), times=ALWAYS))
    result = world.issue("--name=other", "--profile=none", DOMAIN)
    assert result.status == 2
    assert "has no profile 'none': it offers x" in result.event("error")["message"]
    assert all(line.isprintable() for line in result.stdout.splitlines())
    assert world.issue(DOMAIN).status == 0


def remade(name: str, days: int) -> Fault:
    """Replace the certificate by one for the same key, another name and so many days."""

    def fault(forward: Forward) -> Reply | None:
        reply = forward()
        key = ec.generate_private_key(ec.SECP256R1())
        public = x509.load_pem_x509_certificate(reply.body).public_key()
        end = datetime.now(UTC) + timedelta(days=days)
        made = (
            x509.CertificateBuilder(x509.Name([]), x509.Name([]), public, 1)
            .not_valid_before(end - timedelta(days=90))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
            .sign(key, SHA256())
        )
        return reply.with_body(made.public_bytes(Encoding.PEM))

    return fault


def test_a_certificate_for_what_only_the_ca_s_order_names_is_not_used(world: FaultWorld) -> None:
    other = "other.example"
    named = saying(identifiers=[{"type": "dns", "value": other}])
    steps = ("newOrder", "order", "finalize")
    world.proxy.obey(
        *(Rule(step, named, times=ALWAYS) for step in steps),
        Rule("certificate", remade(other, days=80), times=ALWAYS),
    )
    assert f"does not name {DOMAIN}: not using it" in error_of(world.issue(DOMAIN))
    assert not (world.home / "live").exists()


def test_a_certificate_that_has_expired_is_not_used(world: FaultWorld) -> None:
    world.proxy.obey(Rule("certificate", remade(DOMAIN, days=-1), times=ALWAYS))
    message = error_of(world.issue(DOMAIN))
    assert "the CA's certificate expired at" in message
    assert "check this machine's clock" in message
    assert not (world.home / "live").exists()

    world.proxy.obey()
    again = world.issue(DOMAIN)
    assert again.status == 0, again.stdout
    assert "order_created" in again.event_names


WINDOWS = [
    ("2026-09-02T00:00:00Z", "2026-09-01T00:00:00Z"),
    ("0001-01-01T00:00:00+14:00", "2026-09-01T00:00:00Z"),
    ("2026-09-01T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    ("0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"),
    (TRICKS, TRICKS),
]


@pytest.mark.parametrize(("start", "end"), WINDOWS)
def test_renewal_advice_that_is_absurd_stops_nothing(
    world: FaultWorld, start: str, end: str
) -> None:
    assert world.issue(DOMAIN).status == 0
    document = saying(
        suggestedWindow={"start": start, "end": end}, explanationURL=f"https://a/{TRICKS * 500}"
    )
    world.write_settings()
    world.proxy.obey(Rule("renewalInfo", document, times=ALWAYS))
    for _ in range(2):
        result = world.run("renew")
        assert result.status == 0, result.stderr
    assert world.proxy.seen.count("renewalInfo")
    for command in (("list",), ("show", DOMAIN), ("list", "--json")):
        shown = world.run(*command).stdout
        assert all(line.isprintable() and len(line) < LONGEST for line in shown.splitlines())
