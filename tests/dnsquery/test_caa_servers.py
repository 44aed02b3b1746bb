"""CAA as a CA finds it: record sets that Knot and BIND serve, by way of a recursive Unbound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.name_servers import HEAD, name
from tests.support.peers.bind import Bind
from tests.support.peers.knot import Knot
from tests.support.peers.unbound import Unbound
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import CaaVerdict, Resolver, ServerAddress, check_caa

CA = "ca1.example.net"
ACCOUNT = f"https://{CA}/acct/1"
NS = "@ NS ns1\nns1 A 127.0.0.1\n"
ZONE = f"""{NS}
@ CAA 0 issue "{CA}"
critical CAA 0 issue "{CA}"
critical CAA 128 tbs "unknown"
uncritical CAA 0 issue "{CA}"
uncritical CAA 0 tbs "unknown"
iodef CAA 128 iodef "mailto:security@example.com"
twice CAA 0 issue "{CA}; validationmethods=dns-01; validationmethods=http-01"
rescued CAA 0 issue "{CA}; accounturi={ACCOUNT}; accounturi={ACCOUNT}"
rescued CAA 0 issue "{CA}; accounturi={ACCOUNT}"
nobody CAA 0 issue ";"
nobody-wild CAA 0 issue "{CA}"
nobody-wild CAA 0 issuewild ";"
only-wild CAA 0 issue ";"
only-wild CAA 0 issuewild "{CA}"
other-wild CAA 0 issuewild "ca2.example.org"
upper CAA 0 ISSUE "CA1.Example.NET"
stranger CAA 0 issue "{CA}; accounturi={ACCOUNT}0"
alias CNAME nobody
far CNAME closed.example.net.
farther CNAME far
open CNAME www.example.net.
dangling CNAME nothing.example.net.
round CNAME robin
robin CNAME round
moved DNAME example.net.
*.star CAA 0 issue ";"
lame NS ns1.lame
ns1.lame A 127.0.0.1
"""
NET = f"""{NS}
@ CAA 0 issue ";"
www A 192.0.2.1
closed CAA 0 issue "ca2.example.org"
"""


@pytest.fixture(scope="module", params=[Knot, Bind], ids=["Knot", "BIND"])
def resolver_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAddress]:
    """A resolver for whom lame.example.com and net are at a server that does not serve them."""
    folder = tmp_path_factory.mktemp("caa")
    zones = {"example.com": ZONE, "example.net": NET, "com": NS, "org": NS}
    server = request.param(folder / "zones", {one: HEAD + text for one, text in zones.items()})
    with server as peer, Knot(folder / "lame", {"example.org": HEAD + NS}) as lame:
        stubs = {one: [f"127.0.0.1@{peer.port}"] for one in zones}
        stubs |= {one: [f"127.0.0.1@{lame.port}"] for one in ("lame.example.com", "net")}
        with Unbound(folder / "unbound", stubs) as unbound:
            yield ServerAddress(unbound.address, unbound.port)


async def check(address: ServerAddress, text: str) -> CaaVerdict:
    async with Resolver([address]) as resolver:
        return await check_caa(
            resolver,
            Identifier.parse(text),
            issuers=[CA],
            account_url=ACCOUNT,
            method="dns-01",
        )


@pytest.mark.parametrize(
    ("identifier", "allowed", "found_at"),
    [
        ("example.com", True, "example.com"),
        ("a.b.c.example.com", True, "example.com"),
        ("critical.example.com", False, "critical.example.com"),
        ("below.critical.example.com", False, "critical.example.com"),
        ("uncritical.example.com", True, "uncritical.example.com"),
        ("iodef.example.com", True, "iodef.example.com"),
        ("twice.example.com", False, "twice.example.com"),
        ("rescued.example.com", True, "rescued.example.com"),
        ("nobody.example.com", False, "nobody.example.com"),
        ("nobody-wild.example.com", True, "nobody-wild.example.com"),
        ("*.nobody-wild.example.com", False, "nobody-wild.example.com"),
        ("only-wild.example.com", False, "only-wild.example.com"),
        ("*.only-wild.example.com", True, "only-wild.example.com"),
        ("other-wild.example.com", True, "other-wild.example.com"),
        ("*.other-wild.example.com", False, "other-wild.example.com"),
        # A name below the wildcard's own has the wildcard's records by climbing to it.
        ("www.other-wild.example.com", True, "other-wild.example.com"),
        ("upper.example.com", True, "upper.example.com"),
        ("stranger.example.com", False, "stranger.example.com"),
        ("alias.example.com", False, "alias.example.com"),
        ("far.example.com", False, "far.example.com"),
        ("farther.example.com", False, "farther.example.com"),
        # Where a CNAME ends without records, the original name's parents count (RFC 8659
        # section 3), not those of the target.
        ("open.example.com", True, "example.com"),
        ("dangling.example.com", True, "example.com"),
        ("*.dangling.example.com", True, "example.com"),
        ("closed.moved.example.com", False, "closed.moved.example.com"),
        ("www.moved.example.com", True, "example.com"),
        ("any.star.example.com", False, "any.star.example.com"),
    ],
)
async def test_what_real_servers_say_decides(
    resolver_address: ServerAddress, identifier: str, allowed: bool, found_at: str
) -> None:
    verdict = await check(resolver_address, identifier)
    assert (verdict.allowed, verdict.found_at) == (allowed, name(found_at)), verdict
    assert not verdict.failed


@pytest.mark.parametrize(
    ("identifier", "found_at"),
    [
        ("lame.example.com", "lame.example.com"),
        ("www.lame.example.com", "www.lame.example.com"),
        ("*.lame.example.com", "lame.example.com"),
        ("round.example.com", "round.example.com"),
        ("example-of-nothing.net", "example-of-nothing.net"),
    ],
)
async def test_a_name_that_cannot_be_looked_up_is_denied_though_a_parent_allows_it(
    resolver_address: ServerAddress, identifier: str, found_at: str
) -> None:
    verdict = await check(resolver_address, identifier)
    assert (verdict.allowed, verdict.failed, verdict.found_at) == (False, True, name(found_at))
    assert "SERVFAIL" in verdict.reason


async def test_a_failure_above_the_records_does_not_count(resolver_address: ServerAddress) -> None:
    verdict = await check(resolver_address, "example.net")
    assert (verdict.failed, verdict.found_at) == (False, name("example.net"))
