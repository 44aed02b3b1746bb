"""A node that has more files open than select(2) knows: its nodes are waited for all the same."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.rrset
import pytest

from tests.support.peers.postgres import Postgres
from zoneproof.challengedns.nodes.peers import PeerStatus, ask_peers
from zoneproof.challengedns.nodes.replica import Peer
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.core.names import DomainName

ZONE = DomainName("auth.example.org")
KNOWN_TO_SELECT = 1024


@pytest.fixture
def many_files() -> Iterator[None]:
    """Leave no descriptor that select(2) takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * KNOWN_TO_SELECT, hard))
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        last = 0
        while last < KNOWN_TO_SELECT:
            last = os.open(os.devnull, os.O_RDONLY)
            opened.callback(os.close, last)
        yield


@pytest.mark.usefixtures("many_files")
async def test_a_change_is_confirmed(postgres: Postgres, database: str) -> None:
    rules = Registrations(ZONE, 3600)
    store = PostgresDatabase(postgres.url(database))
    try:
        made = await store.write(rules.register)
        assert await store.read(lambda tx: rules.values(tx, made.subdomain)) == []
    finally:
        await store.close()


@pytest.mark.usefixtures("many_files")
def test_other_nodes_are_asked() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def answer() -> None:
            packet, peer = server.recvfrom(4096)
            question = dns.message.from_wire(packet)
            reply = dns.message.make_response(question)
            reply.flags |= dns.flags.AA
            name = question.question[0].name
            reply.answer.append(dns.rrset.from_text(name, 0, "IN", "TXT", '"7 lease b"'))
            server.sendto(reply.to_wire(), peer)

        answering = threading.Thread(target=answer)
        answering.start()
        peers = [Peer("b", f"127.0.0.1:{server.getsockname()[1]}")]
        assert ask_peers(peers, ZONE, seconds=10) == [PeerStatus(7, holds_lease=True)]
        answering.join()
