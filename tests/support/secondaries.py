"""Real name servers of others as secondaries of the challenge service, each with its own words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

from tests.support.challenge_service import texts
from tests.support.peers.bind import Named, key_statement
from tests.support.peers.knot import Knotd, key_section
from tests.support.peers.nsd import Nsd
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

ALGORITHM = "hmac-sha256"
SECRET = "c2Vjb25kYXJ5LXNlY29uZGFyeS1zZWNvbmRhcnktMTI="
OTHER_SECRET = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI="


def bind(
    folder: Path, key: str, secret: str, zones: Sequence[str], primaries: Sequence[int], port: int
) -> Named:
    """Return a BIND that transfers zones from ports of this machine."""
    sources = " ".join(f"127.0.0.1 port {each} key {key};" for each in primaries)
    statements = key_statement(key, ALGORITHM, secret) + "".join(
        f'zone "{zone}" {{ type secondary; file "{zone}.db"; masterfile-format text;'
        f" primaries {{ {sources} }}; allow-notify {{ key {key}; }}; }};\n"
        for zone in zones
    )
    return Named(folder, statements, port=port)


def knot(
    folder: Path, key: str, secret: str, zones: Sequence[str], primaries: Sequence[int], port: int
) -> Knotd:
    """Return a Knot that transfers zones from ports of this machine."""
    remotes = "".join(
        f"  - id: primary{each}\n    address: 127.0.0.1@{each}\n    key: {key}\n"
        for each in primaries
    )
    names = ", ".join(f"primary{each}" for each in primaries)
    sections = f"""{key_section([(key, ALGORITHM, secret)])}
remote:
{remotes}
acl:
  - id: notify
    key: {key}
    action: notify
zone:
"""
    for zone in zones:
        sections += f"""  - domain: {zone}
    storage: "{folder}"
    master: [{names}]
    acl: notify
"""
    return Knotd("secondary Knot", folder, sections, port=port)


def nsd(
    folder: Path, key: str, secret: str, zones: Sequence[str], primaries: Sequence[int], port: int
) -> Nsd:
    """Return an NSD that transfers zones from ports of this machine."""
    clauses = f'key:\n  name: "{key}"\n  algorithm: {ALGORITHM}\n  secret: "{secret}"\n'
    for zone in zones:
        clauses += f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
        clauses += f"  allow-notify: 127.0.0.1 {key}\n"
        clauses += "".join(f"  request-xfr: 127.0.0.1@{each} {key}\n" for each in primaries)
    return Nsd(folder, clauses, port=port)


KINDS = {"bind": bind, "knot": knot, "nsd": nsd}


class Secondary:
    """A secondary of a kind in a folder, and what the service's configuration says of it."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        primaries: Sequence[int],
        *,
        zones: Sequence[str] = ("auth.example.org",),
        secret: str = SECRET,
        its_secret: str = SECRET,
    ) -> None:
        self.kind = kind
        self.port = free_port()
        self.key = f"{kind}-key"
        self.zones = zones
        self._secret = secret
        self.server: BackgroundServer = KINDS[kind](
            folder / kind, self.key, its_secret, zones, primaries, self.port
        )

    def section(self, *, wait: str = "5s") -> str:
        """Return the section of ``zoneproof.toml``."""
        zones = ", ".join(f'"{zone}"' for zone in self.zones)
        return f"""
[[secondaries]]
address = "127.0.0.1:{self.port}"
key = "{self.key}"
secret = "{self._secret}"
zones = [{zones}]
wait = "{wait}"
"""

    @property
    def name(self) -> str:
        """How the service calls it."""
        return f"127.0.0.1:{self.port}"

    def ask(self, name: str, rdtype: str = "TXT") -> dns.message.Message:
        """Ask it a question by UDP."""
        question = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
        return dns.query.udp(question, "127.0.0.1", port=self.port, timeout=5)

    def says(self, name: str) -> list[str] | str:
        """Return the values at a name, or the code of another answer; "silent" for none."""
        try:
            reply = self.ask(name)
        except (dns.exception.Timeout, OSError):
            return "silent"
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return dns.rcode.to_text(reply.rcode())
        return texts(reply)
