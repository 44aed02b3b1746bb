"""Zoneproof and Knot with the same zones: static records of every kind, and registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.challenge_service import Service, open_for, txt
from tests.support.peers.knot import Knot
from zoneproof.challengedns.config import load_config

MAIN, OTHER, CHILD, WILD = (
    "auth.example.org",
    "example.com",
    "child.auth.example.org",
    "wild.example.net",
)
# The numbers that the service writes into every SOA record.
_SOA = "@ 30 SOA ns1.auth.example.org. hostmaster.example.org. 1 14400 3600 1209600 300\n"
_VALUE_TTL = 1
# In Knot's zones a registration without values needs some record in order to exist.
MARKER = "TYPE65399"

_RECORDS = {
    MAIN: r"""
@            A      192.0.2.1
@            AAAA   2001:db8::1
@            MX     10 mail
@            CAA    0 issue "ca.example"
@            TXT    "at the apex"
ns1          A      192.0.2.53
ns1          AAAA   2001:db8::53
ns2.deep.ns  A      192.0.2.54
www          A      192.0.2.2
www          TXT    "two" "strings"
www          TXT    "and another"
Mixed.CASE   A      192.0.2.3
a.b.c        TXT    "below two names without records"
mail         A      192.0.2.25
_sip._tcp    SRV    1 2 5060 mail
svc          HTTPS  1 . alpn=h2
odd\.label   TXT    "a dot in a label"
*.star       TXT    "from a wildcard"
*.star       A      192.0.2.4
here.star    A      192.0.2.5
x.y.star     A      192.0.2.6
below.*.star A      192.0.2.7
*.nothing.ent TXT   "from a deep wildcard"
*.cstar      CNAME  www
*.ostar      CNAME  www.elsewhere.net.
*.rstar      CNAME  {valued}
alias        CNAME  www
loud         CNAME  WWW.Auth.Example.ORG.
outside      CNAME  www.elsewhere.net.
nowhere      CNAME  missing
cross        CNAME  target.example.com.
crossalias   CNAME  alias.example.com.
intochild    CNAME  www.child
valued       CNAME  {valued}
empty        CNAME  {empty}
unregistered CNAME  00000000-0000-4000-8000-000000000000
towild       CNAME  some.name.star
toapex       CNAME  @
loop1        CNAME  loop2
loop2        CNAME  loop1
selfish      CNAME  selfish
""",
    OTHER: """
@            A      192.0.2.11
target       A      192.0.2.12
target       TXT    "target"
alias        CNAME  target
back         CNAME  {valued}.auth.example.org.
deepback     CNAME  cross.auth.example.org.
*            TXT    "anything"
www.sub      A      192.0.2.13
""",
    CHILD: """
@            TXT    "the child zone"
www          A      192.0.2.21
up           CNAME  www.auth.example.org.
""",
    WILD: """
*            TXT    "around the registrations"
*            A      192.0.2.31
www          A      192.0.2.32
""",
}
_LINKS = 14
_MANY_ADDRESSES = 40
_LONG_TEXTS = 7


@dataclass(frozen=True)
class Twins:
    """The two servers; ``names`` are the names that own records, without trailing dot."""

    service: Service
    knot: Knot
    names: tuple[str, ...]


@contextmanager
def open_twins(folder: Path) -> Iterator[Twins]:
    """Start both servers."""
    path = folder / "zoneproof.toml"
    path.write_text(_config({}))
    registrations = asyncio.run(_register(path))
    by_size = sorted(registrations, key=lambda subdomain: len(registrations[subdomain]))
    records = _records(empty=by_size[0], valued=by_size[2])
    path.write_text(_config(records))
    with (
        Service(path) as service,
        Knot(folder / "knot", _zones(records, registrations), updates=False) as knot,
    ):
        yield Twins(service, knot, tuple(dict.fromkeys(_names(records, registrations))))


async def _register(path: Path) -> dict[str, list[str]]:
    registrations = open_for(load_config(path))
    made = {}
    for count in (0, 1, 2, 5, 16):
        new = await registrations.register()
        values = [txt(letter) for letter in "abcdefghijklmnop"[:count]]
        for value in values:
            await registrations.publish(new.subdomain, value)
        made[new.subdomain] = values
    await registrations.close()
    return made


def _records(*, empty: str, valued: str) -> dict[str, str]:
    long = "\n".join(f'long TXT "{str(n) * 200}"' for n in range(_LONG_TEXTS))
    many = "\n".join(f"many A 198.51.100.{n}" for n in range(_MANY_ADDRESSES))
    links = "\n".join(f"link{n} CNAME link{n + 1}" for n in range(_LINKS))
    records = {
        zone: text.format(empty=empty, valued=valued) if "{" in text else text
        for zone, text in _RECORDS.items()
    }
    records[MAIN] += f"{long}\n{many}\n{links}\nlink{_LINKS} A 192.0.2.99\n"
    return records


def _config(records: Mapping[str, str]) -> str:
    zones = "".join(
        f"""
[[zones]]
name = "{name}"
nameservers = ["ns1.auth.example.org", "ns2.deep.ns.auth.example.org", "ns.elsewhere.net"]
hostmaster = "hostmaster@example.org"
ttl = 300
registrations = {str(name in (MAIN, WILD)).lower()}
records = '''{records.get(name, "ns1 A 192.0.2.53" if name == MAIN else "")}'''
"""
        for name in (MAIN, OTHER, CHILD, WILD)
    )
    return f"""
[dns]
listen = ["127.0.0.1:0"]
workers = 1
value_ttl = {_VALUE_TTL}
[api]
listen = ["127.0.0.1:0"]
[service]
user = "root"
{zones}
"""


def _zones(records: Mapping[str, str], registrations: Mapping[str, list[str]]) -> dict[str, str]:
    zones = {}
    for name, text in records.items():
        nameservers = "".join(
            f"@ NS {host}.\n"
            for host in ("ns1.auth.example.org", "ns2.deep.ns.auth.example.org", "ns.elsewhere.net")
        )
        zones[name] = f"$ORIGIN {name}.\n$TTL 300\n{_SOA}{nameservers}{text}\n"
        if name in (MAIN, WILD):
            for subdomain, values in registrations.items():
                zones[name] += f"{subdomain} {MARKER} \\# 0\n"
                zones[name] += "".join(f"{subdomain} {_VALUE_TTL} TXT {each}\n" for each in values)
    zones[MAIN] += "child NS ns1\nchild NS ns2.deep.ns\nchild NS ns.elsewhere.net.\n"
    return zones


def _names(records: Mapping[str, str], registrations: Mapping[str, list[str]]) -> Iterator[str]:
    for zone, text in records.items():
        yield zone
        for line in text.splitlines():
            if line.strip() and not line.startswith("@"):
                yield f"{line.split()[0]}.{zone}"
        for subdomain in registrations:
            yield f"{subdomain}.{zone}"
