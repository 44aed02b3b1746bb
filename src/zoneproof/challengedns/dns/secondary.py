"""A secondary name server, as worker processes know it."""

from __future__ import annotations

from zoneproof.core.secretive import Secretive


class SecondaryData(Secretive, frozen=True):
    """A secondary on its way from the configuration to the workers.

    ``name`` is for people, ``slot`` its place in shared memory. ``networks`` are from where it
    transfers, ``zones`` (on the wire, lower-case) what. ``name_servers`` are hosts and ports where
    its serial is asked, and ``wait`` is how long a change waits for it, in seconds.
    """

    name: str
    slot: int
    host: str
    port: int
    key: str
    algorithm: str
    secret: bytes
    networks: list[str]
    zones: list[bytes]
    name_servers: list[tuple[str, int]]
    wait: float
