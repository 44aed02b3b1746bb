"""``zoneproof issue`` where CNAMEs, wildcards and name servers are not as one would like them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.support.fake_dns import FakeDns, reply
from tests.support.world import World, open_world, zone_text


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {
        "example.com": zone_text(
            "example.com",
            "_acme-challenge CNAME _acme-challenge.example.net.",
            "*.shop CNAME lb.example.org.",
            "_acme-challenge.shop CNAME lb.example.org.",
        ),
        "example.net": zone_text("example.net", "* CNAME lb.example.org."),
        "example.org": zone_text("example.org"),
    }
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The servers for a machine that knows nothing yet."""
    return servers.at(tmp_path)


@pytest.mark.parametrize(
    ("domain", "options", "published"),
    [
        ("example.com", [], "_acme-challenge.example.net"),
        (
            "example.com",
            ["--delegation=example.com:example.net"],
            "_acme-challenge.example.net",
        ),
        ("www.shop.example.com", [], "_acme-challenge.www.shop.example.com"),
        ("shop.example.com", [], "lb.example.org"),
    ],
    ids=["delegated into a wildcard", "with a rule", "a wildcard", "as a wildcard has it"],
)
def test_the_value_goes_where_it_takes_a_wildcards_place(
    world: World, domain: str, options: list[str], published: str
) -> None:
    result = world.issue(domain, *options)
    assert result.status == 0, result.stdout + result.stderr
    assert result.event("record_published")["name"] == published
    assert world.txt_values(published) == set()


async def test_name_servers_that_fail_for_cname_and_answer_for_txt_only_warn(world: World) -> None:
    def fails_for_cname(question: dns.message.Message) -> dns.message.Message:
        if question.question[0].rdtype == dns.rdatatype.CNAME:
            return reply(question, rcode=dns.rcode.SERVFAIL)
        return dns.query.udp(question, "127.0.0.1", port=world.knot.port, timeout=5)

    async with FakeDns(fails_for_cname) as fake:
        result = await asyncio.to_thread(
            world.run,
            "issue",
            "--json",
            "www.example.org",
            *world.rfc2136_options,
            *world.ca_options,
            f"--resolver=127.0.0.1:{fake.port}",
            f"--authoritative-port={fake.port}",
        )
    assert result.status == 0, result.stdout + result.stderr
    (warning,) = {event["message"] for event in result.events if event["event"] == "warning"}
    assert "CNAME of _acme-challenge.www.example.org: the answer is SERVFAIL" in warning
    assert "using the answer for TXT instead" in warning
