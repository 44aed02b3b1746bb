"""Resolvers for the DNS settings that are in use, one for each list of servers, closed together."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.dnsquery import Resolver, parse_server


class ResolverPool:
    """Makes a resolver once for the same servers; what they learn is shared."""

    def __init__(self, authoritative_port: int) -> None:
        self._port = authoritative_port
        self._made: dict[tuple[str, ...], Resolver] = {}

    def get(self, servers: Sequence[str]) -> Resolver:
        """Return the resolver that asks these servers; none are the system's.

        Raises InvalidInputError for a server that cannot be read, DnsError.
        """
        key = tuple(servers)
        if key not in self._made:
            parsed = [parse_server(text) for text in key]
            self._made[key] = Resolver(parsed or None, authoritative_port=self._port)
        return self._made[key]

    async def close(self) -> None:
        """Release all connections."""
        while self._made:
            _, resolver = self._made.popitem()
            await resolver.close()
