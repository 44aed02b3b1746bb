"""However many providers Issuers name, only so many stay open."""

from __future__ import annotations

from pathlib import Path

from tests.support.fake_http import Reply, fake_http_server
from zoneproof.certmanager.opened import OpenedMethods
from zoneproof.core.names import DomainName
from zoneproof.manager import Home, open_manager
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.providers import TxtRecord, Zone

ZONE = Zone(DomainName("example.com"))


def method(server: str, user: str) -> MethodDefinition:
    return MethodDefinition(provider="httpreq", fields={"server": server, "user": user})


async def test_the_same_method_is_opened_once(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        opened = OpenedMethods(manager)
        wanted = method("http://127.0.0.1:1", "a")
        async with opened.maker(wanted) as first, opened.maker(wanted) as second:
            provider = (await first.dns(wanted, {})).provider
            assert (await second.dns(wanted, {})).provider is provider
        await opened.close()


async def test_what_is_in_use_stays_open_until_nobody_uses_it(tmp_path: Path) -> None:
    async with (
        fake_http_server(lambda _: Reply(200)) as server,
        open_manager(Home(tmp_path)) as manager,
    ):
        opened = OpenedMethods(manager, most=2)
        used = method(server.url, "used")
        async with opened.maker(used) as maker:
            provider = (await maker.dns(used, {})).provider
            for number in range(6):
                other = method(server.url, f"user-{number}")
                async with opened.maker(other) as others:
                    await others.dns(other, {})
            await provider.add(ZONE, [TxtRecord("a", "v" * 43, 60)])
        async with opened.maker(used) as maker:
            assert (await maker.dns(used, {})).provider is not provider
        await opened.close()
