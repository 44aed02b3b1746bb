"""Which records of a person are there: two real name servers are asked, one of them stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.name_servers import common_port, knot
from tests.support.waiting import BOTH, FIRST, SECOND, World
from zoneproof.challenges.records import cname_record, look_for_records, txt_record
from zoneproof.core.names import DomainName

NEW = '_acme-challenge TXT "one"\n_acme-challenge.www CNAME there.example.net.\n'
OLD = "_acme-challenge.www CNAME elsewhere.example.net.\n"
NAME = DomainName("_acme-challenge.example.com")
ONE, TWO = txt_record(NAME, 60, "one"), txt_record(NAME, 60, "two")
CNAME = cname_record(DomainName("_acme-challenge.www.example.com"), DomainName("there.example.net"))
AT_FIRST, AT_SECOND = f"ns1.example.com ({FIRST})", f"ns2.example.com ({SECOND})"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    port = common_port(FIRST, SECOND)
    with knot(tmp_path, FIRST, port, {"example.com": BOTH + NEW}) as first:
        yield World(tmp_path, port, first)


async def test_what_one_server_lacks_is_missing_there(world: World) -> None:
    with knot(world.folder, SECOND, world.port, {"example.com": BOTH + OLD}):
        found = await look_for_records(world.resolver(), [ONE, TWO, CNAME, ONE])
    assert [(one.record, one.status, one.servers, one.note) for one in found] == [
        (ONE, "missing", (AT_SECOND,), ""),
        (TWO, "missing", (AT_FIRST, AT_SECOND), ""),
        (CNAME, "missing", (AT_SECOND,), "a CNAME to elsewhere.example.net is there"),
    ]


async def test_what_all_servers_have_is_seen_and_a_silent_one_is_passed_over(world: World) -> None:
    alone = await look_for_records(world.resolver(), [ONE, CNAME])
    assert [(one.status, one.servers) for one in alone] == [("seen", (AT_FIRST,))] * 2
    with knot(world.folder, SECOND, world.port, {"example.com": BOTH + NEW}):
        both = await look_for_records(world.resolver(), [ONE, CNAME])
    assert [(one.status, one.servers) for one in both] == [("seen", (AT_FIRST, AT_SECOND))] * 2


async def test_what_nobody_can_be_asked_for_is_not_known(world: World) -> None:
    world.first.__exit__(None, None, None)
    (one,) = await look_for_records(world.resolver(), [ONE])
    assert (one.status, one.servers) == ("unknown", ())
    assert one.note


@pytest.mark.parametrize("record", ["a record", "", "a..b IN CNAME c", 'x. 60 IN TXT "a'])
async def test_what_is_no_record_of_ours_is_left_out(world: World, record: str) -> None:
    assert await look_for_records(world.resolver(), [record]) == []
