"""The challenge service as the tests use it: as a process, and its answering part alone."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import dns.message
import dns.query

from tests.support.command import CommandServer, Result, run_zoneproof
from tests.support.forked_workers import FORKER
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.counters import Cells
from zoneproof.challengedns.dns.signatures import SecondaryKeys
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.dns.zones import ServedZones
from zoneproof.challengedns.store.announcements import announced_number
from zoneproof.challengedns.store.reader import Reader

ZONE = "auth.example.org"

CONFIG = """
[dns]
listen = ["127.0.0.1:0"]
{dns}
[api]
listen = ["127.0.0.1:0"]
rate_limit_address = 0
rate_limit_registration = 0
open_registration = {open_registration}
{api}
[service]
user = "root"
[[zones]]
name = "auth.example.org"
nameservers = ["ns1.auth.example.org", "ns.elsewhere.net"]
hostmaster = "host.master@example.org"
ttl = 300
records = '''
@       A      192.0.2.1
@       AAAA   2001:db8::1
@       CAA    0 issue "ca.example"
ns1     A      192.0.2.53
ns1     AAAA   2001:db8::53
Www     TXT    "static" "text"
a.b.c   TXT    "deep"
*.wild  TXT    "from the wildcard"
here.wild A    192.0.2.2
'''
[[zones]]
name = "example.com"
nameservers = ["ns1.auth.example.org"]
hostmaster = "hostmaster.example.org"
registrations = false
records = '''
@        A      192.0.2.3
alias    CNAME  target
target   A      192.0.2.4
outside  CNAME  www.elsewhere.net.
nowhere  CNAME  missing
loop1    CNAME  loop2
loop2    CNAME  loop1
{records}
'''
[[zones]]
name = "inner.deep.example.com"
nameservers = ["ns.elsewhere.net"]
hostmaster = "hostmaster@example.org"
registrations = false
"""


def write_config(
    folder: Path,
    *,
    dns: str = "workers = 2",
    api: str = "",
    records: str = "",
    open_registration: bool = True,
) -> Path:
    """Write a configuration that has a bit of everything."""
    path = folder / "zoneproof.toml"
    switch = "true" if open_registration else "false"
    path.write_text(CONFIG.format(dns=dns, api=api, records=records, open_registration=switch))
    return path


def txt(letter: str) -> str:
    """Return a value of the right form."""
    return letter * 43


class Account(NamedTuple):
    """What ``/register`` answered."""

    username: str
    password: str
    subdomain: str
    fulldomain: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Api-User": self.username, "X-Api-Key": self.password}


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    url: str,
    method: str,
    path: str,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Make one request, with the path exactly as given."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def register(url: str, licence_key: str = "") -> Account:
    """Make a registration, if there is a licence key with it."""
    path = f"/k/{licence_key}/register" if licence_key else "/register"
    made = request(url, "POST", path).json
    return Account(*(made[field] for field in Account._fields))


def update(url: str, account: Account, value: str, *, method: str = "POST") -> Reply:
    """Publish a value, or withdraw it with DELETE."""
    body = json.dumps({"subdomain": account.subdomain, "txt": value})
    return request(url, method, "/update", body, account.headers)


def challenge_command(config: Path, *arguments: str) -> Result:
    """Run ``zoneproof challenge …`` on a configuration."""
    return run_zoneproof("challenge", *arguments, "--config", str(config), timeout=30)


WITHOUT_SPEED = Path(__file__).with_name("without_speed")


class Service(CommandServer):
    """``zoneproof challenge serve`` as a process, ``with_speed`` if that extra is to be used.

    Its DNS workers are quick to start, which they are not as ``workers_as_installed``.
    """

    def __init__(
        self,
        config: Path,
        *options: str,
        with_speed: bool = True,
        workers_as_installed: bool = False,
    ) -> None:
        self.config = config
        self.is_fork = self.is_fork and with_speed
        is_quick = self.is_fork and not workers_as_installed
        super().__init__(
            "the challenge service",
            ["challenge", "serve", "--config", str(config), *options],
            "challenge service ready",
            environment=None if with_speed else {"PYTHONPATH": str(WITHOUT_SPEED)},
            module="tests.support.forked_workers" if is_quick else "zoneproof",
        )

    def start(self) -> None:
        super().start()
        self.ready_line = self.wait_for_line("service ready")
        ports = re.search(r"DNS on \S*:(\d+),.* API on (https?://\S+)", self.ready_line)
        assert ports, self.ready_line
        self.dns_port = int(ports[1])
        self.url = ports[2]

    def ask(self, name: str, rdtype: str = "TXT", *, tcp: bool = False) -> dns.message.Message:
        """Ask a question, with EDNS, from a new port."""
        question = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
        query = dns.query.tcp if tcp else dns.query.udp
        return query(question, "127.0.0.1", port=self.dns_port, timeout=10)

    def texts(self, name: str, *, tcp: bool = False) -> list[str]:
        """Return the TXT values at a name, sorted."""
        return texts(self.ask(name, tcp=tcp))

    def workers(self, transport: str = "") -> list[int]:
        """Return the process ids of the DNS workers."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        children = [int(child) for thread in threads for child in thread.read_text().split()]
        return [child for child in children if not _is_forker(child)]


def _is_forker(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip() == FORKER
    except OSError:  # it has ended
        return False


def texts(message: dns.message.Message) -> list[str]:
    """Return the TXT values of an answer, sorted."""
    return sorted(
        b"".join(rdata.strings).decode()
        for rrset in message.answer
        for rdata in rrset
        if rrset.rdtype == dns.rdatatype.TXT
    )


def open_for(config: Config) -> OpenRegistrations:
    """Open the registrations of a configuration."""
    return open_registrations(
        config.database, zone=config.registration_zone, value_lifetime=config.value_lifetime
    )


def make_responder(
    config: Config,
    *,
    clock: Callable[[], float] = time.time,
    ahead: int = 0,
    max_bytes: int = 10_000_000,
    cells: Cells | None = None,
    keys: SecondaryKeys | None = None,
) -> Responder:
    """Return what a DNS worker answers with."""
    zones = ServedZones(compile_zones(config.path, config.zones))
    reader = Reader(config.database, ahead)
    table = RegistrationTable(
        reader,
        zones.registration_zones(),
        config.dns.value_ttl,
        clock=clock,
        max_bytes=max_bytes,
    )
    announced = announced_number(config.database)
    responder = Responder(zones, table, announced, clock=clock, cells=cells, keys=keys)
    weakref.finalize(responder, reader.close)
    return responder


async def sample(folder: Path, values: int = 2) -> tuple[Config, str]:
    """Make a database with one registration that has values; return it and the full name."""
    config = load_config(write_config(folder))
    registrations = open_for(config)
    made = await registrations.register()
    for letter in "abcdefghijklmnop"[:values]:
        await registrations.publish(made.subdomain, txt(letter))
    await registrations.close()
    return config, made.fulldomain


@asynccontextmanager
async def connected(
    host: str, port: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a TCP connection, and close it for sure."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


ENOUGH_TO_REACH_EVERY_WORKER = 24


def everywhere(service: Service, name: str) -> set[tuple[str, ...]]:
    """Return the different answers of all workers: each question comes from another port."""
    answers = {tuple(service.texts(name)) for _ in range(ENOUGH_TO_REACH_EVERY_WORKER)}
    return answers | {tuple(service.texts(name, tcp=True))}
