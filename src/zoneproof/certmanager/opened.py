"""Opened providers and resolvers, which Issuers name in any number: only so many stay open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zoneproof.manager import Manager
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.manager.methods import MethodMaker, ProviderPool, ResolverPool

_MOST = 200


class _Pools:
    """Providers and resolvers that are closed together."""

    def __init__(self, manager: Manager) -> None:
        run = manager.run
        port = run.authoritative_port or manager.settings.authoritative_port
        servers = run.dns.over(manager.settings.dns).resolvers or ()
        self.resolvers = ResolverPool(port)
        self.providers = ProviderPool(
            manager.registrations,
            manager.credentials,
            lambda: self.resolvers.get(servers),
            manager.home.path / "locks",
        )
        self.maker = MethodMaker(
            manager.credentials, manager.settings, run.dns, self.providers, self.resolvers
        )
        self.seen: set[bytes] = set()
        self.users = 0

    async def close(self) -> None:
        await self.providers.close()
        await self.resolvers.close()


class OpenedMethods:
    """Hands out what opens methods. What it has opened is shared by all requests.

    After ``most`` different methods it begins anew, and closes what was opened before as soon as
    nobody uses it.
    """

    def __init__(self, manager: Manager, *, most: int = _MOST) -> None:
        self._manager = manager
        self._most = most
        self._pools = _Pools(manager)

    @asynccontextmanager
    async def maker(self, method: MethodDefinition) -> AsyncIterator[MethodMaker]:
        """Hold what opens the method, and keep open what it opens."""
        pools = self._pools
        key = repr((method.provider, method.credential, sorted(method.fields.items())))
        pools.seen.add(f"{key} {method.resolvers}".encode())
        if len(pools.seen) > self._most:
            self._pools = _Pools(self._manager)
        pools.users += 1
        try:
            yield pools.maker
        finally:
            pools.users -= 1
            if pools is not self._pools and not pools.users:
                await pools.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._pools.close()
