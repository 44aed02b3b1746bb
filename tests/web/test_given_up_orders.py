"""Orders that a change of the definition makes useless end with it, whoever makes the change."""

from __future__ import annotations

import asyncio
import json
from html import unescape

from tests.cli.managing import manual
from tests.support.web_pages import Client, WebPages, seen
from tests.support.world import World
from zoneproof.manager import Home, open_manager

AT = "/certificates/example.com"


def open_orders(world: World) -> int:
    async def count() -> int:
        async with open_manager(Home(world.home)) as manager:
            return len(await manager.journal.open_orders("example.com"))

    return asyncio.run(count())


def test_a_page_that_gives_an_order_up_says_which_records_may_be_deleted(world: World) -> None:
    first, second = manual(world, "example.com", "*.example.com")
    with WebPages(world.home) as pages:
        alice = pages.administrator()
        toml = world.good("list", "--toml").replace(', "*.example.com"', "")
        opened = seen(alice, f"{AT}/definition")
        saved = alice.post(f"{AT}/definition/toml", toml=toml, seen=opened)
        assert saved.status == 303, saved.text
        told = unescape(alice.get(saved.headers["Location"]).text)
    assert f"you can delete these records now: {first}; {second}" in told
    assert not open_orders(world)


def test_the_api_gives_an_order_up_and_the_next_one_says_what_may_be_deleted(world: World) -> None:
    first, second = manual(world, "example.com", "*.example.com")
    with WebPages(world.home) as pages:
        secret = world.good("web", "token", "add", "cd", "--role=administrator", "--days=1")
        program = Client(pages.url, headers={"Authorization": f"Bearer {secret.strip()}"})
        definition = program.get(f"/api/v1{AT}").json["definition"]
        body = json.dumps(definition | {"identifiers": ["example.com"]}).encode()
        answer = program.send("PUT", f"/api/v1{AT}", body, {"Content-Type": "application/json"})
        assert answer.status == 200, answer.text
    assert not open_orders(world)
    again = world.run("issue", "example.com", *world.ca_options[1:])
    assert f"you can delete these records now: {first}; {second}" in again.stdout, again.stderr
