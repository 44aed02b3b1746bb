"""CAA before an order is sent, with real record sets: what is refused, and what only told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import dns.message
import dns.rcode
import pytest

from tests.issuance.fake_provider import MemoryProvider
from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.peers.knot import Knot
from tests.support.world import zone_text
from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.listener import Listeners
from zoneproof.challenges.method import Method
from zoneproof.core.errors import CaaError
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, ServerAddress, caa, parse_server
from zoneproof.issuance import (
    Choice,
    Event,
    PlannedIdentifier,
    PreflightReport,
    Warned,
    preflight,
)
from zoneproof.issuance.caa import find_records, require_issuance_allowed
from zoneproof.providers import ProviderContext

ACCOUNT = "https://ca.example/acct/1"
OURS = "ca.example"
BOUND = "ca.example\\; accounturi=https://ca.example/acct/1\\; validationmethods=dns-01"


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    records = {
        "other": '0 issue "other.example"',
        "nobody": '0 issue "\\;"',
        "bound": f'0 issue "{BOUND}"',
        "foreign": '0 issue "ca.example\\; accounturi=https://ca.example/acct/2"',
        "http": '0 issue "ca.example\\; validationmethods=http-01"',
        "critical": '128 tbs "unknown"',
        "wildonly": '0 issuewild "ca.example"',
        "nowild": '0 issuewild "\\;"',
    }
    lines = [f"{owner} CAA {data}" for owner, data in records.items()]
    # The top of the tree is here, so that the climb of RFC 8659 ends with an answer.
    zones = {"com": zone_text("com"), "example.com": zone_text("example.com", *lines)}
    with Knot(tmp_path_factory.mktemp("knot"), zones) as server:
        yield server


@pytest.fixture
async def resolver(knot: Knot) -> AsyncIterator[Resolver]:
    address = parse_server(f"127.0.0.1:{knot.port}")
    async with Resolver([address], authoritative_port=knot.port) as found:
        yield found


def methods() -> dict[str, Method]:
    provider = MemoryProvider(ProviderContext({}))
    return {
        "dns-01": DnsMethod("memory", provider, PropagationPolicy(), {}),
        "http-01": HttpMethod(Listeners().listener(["127.0.0.1"], 8080)),
    }


async def check(resolver: Resolver, *names: str, method: str = "dns-01") -> list[Event]:
    chosen = methods()[method]
    planned = [PlannedIdentifier(Identifier.parse(name), chosen, "") for name in names]
    events: list[Event] = []
    require_issuance_allowed(
        await find_records(resolver, planned),
        issuers=[OURS],
        account_url=ACCOUNT,
        emit=events.append,
    )
    return events


async def preview(resolver: Resolver, name: str, method: str = "dns-01") -> PreflightReport:
    choice = Choice(methods()[method], "")
    (found,) = await preflight(
        [Identifier.parse(name)], lambda _: choice, resolver, issuers=[OURS], account_url=ACCOUNT
    )
    return found


@pytest.mark.parametrize(
    ("name", "method", "reason"),
    [
        ("other.example.com", "dns-01", r"other\.example.* allows another CA, not ca\.example"),
        ("www.other.example.com", "dns-01", r"\(at other\.example\.com\)"),
        ("nobody.example.com", "dns-01", "allows nobody"),
        ("bound.example.com", "http-01", "does not allow http-01"),
        ("foreign.example.com", "dns-01", "allows another account, not https://ca.example/acct/1"),
        ("http.example.com", "dns-01", "does not allow dns-01"),
        ("critical.example.com", "dns-01", "is critical and its tag is not known"),
        ("*.nowild.example.com", "dns-01", "allows nobody"),
    ],
)
async def test_records_that_forbid_it_refuse_the_order_and_show_in_the_preview(
    resolver: Resolver, name: str, method: str, reason: str
) -> None:
    with pytest.raises(CaaError, match=reason) as caught:
        await check(resolver, name, method=method)
    assert f"may not issue for {name}: the CAA record " in caught.value.message
    assert caught.value.message.endswith("; change the record")
    examination = await preview(resolver, name, method)
    assert any(reason_found(finding.text, caught.value) for finding in examination.findings)
    assert examination.would_fail


def reason_found(text: str, error: CaaError) -> bool:
    return text.startswith("CAA: ") and text.removeprefix("CAA: ") in error.message


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("example.com", "dns-01"),
        ("bound.example.com", "dns-01"),
        ("*.bound.example.com", "dns-01"),
        ("http.example.com", "http-01"),
        ("wildonly.example.com", "dns-01"),
        ("*.wildonly.example.com", "dns-01"),
        ("nowild.example.com", "dns-01"),
        ("192.0.2.1", "http-01"),
    ],
)
async def test_what_is_allowed_passes_without_a_word(
    resolver: Resolver, name: str, method: str
) -> None:
    assert await check(resolver, name, method=method) == []


async def test_several_refused_names_are_one_error(resolver: Resolver) -> None:
    names = ("other.example.com", "www.other.example.com", "nobody.example.com", "example.com")
    with pytest.raises(CaaError) as caught:
        await check(resolver, *names)
    message = caught.value.message
    assert "issue for other.example.com and 1 more of its names: the CAA record " in message
    assert "; for nobody.example.com: the CAA record " in message
    assert message.endswith("; change the records")


async def test_a_lookup_that_fails_is_told_once_and_is_no_problem_for_order_or_preview() -> None:
    """The resolver knows the network's own domain and refuses what is above it."""

    def answer(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0].name.to_text(omit_final_dot=True).lower()
        if asked.endswith("corp.test"):
            return reply(question, authority=(soa("corp.test"),))
        return reply(question, rcode=dns.rcode.REFUSED)

    async with (
        FakeDns(answer) as server,
        Resolver([ServerAddress(server.address, server.port)]) as resolver,
    ):
        (warning,) = await check(resolver, "a.corp.test", "b.corp.test")
        assert isinstance(warning, Warned)
        assert warning.message.startswith("CAA of test cannot be looked up here, and a CA that ")
        examination = await preview(resolver, "a.corp.test", "http-01")
        assert examination.caa is not None
        assert examination.caa.failed
        assert [one.text for one in examination.findings] == [f"CAA: {warning.message}"]
        assert not examination.would_fail


async def test_an_order_does_not_wait_for_a_resolver_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its deadline ends the wait long before the resolver's own tries are over."""
    monkeypatch.setattr(caa, "_DEADLINE", 0.1)
    async with (
        FakeDns(lambda _: None) as server,
        Resolver([ServerAddress(server.address, server.port)], timeout=3600) as resolver,
    ):
        (warning,) = await check(resolver, "example.com")
    assert isinstance(warning, Warned)
    assert "no answer within 0.1 s" in warning.message
