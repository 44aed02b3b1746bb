"""A name server for what is in the store of a fake API: a CA sees what was written there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import dns.message
import dns.rcode
import dns.rdatatype

from tests.support.fake_api import FakeZone, Record
from tests.support.fake_dns import FakeDns, reply, soa
from zoneproof.core.names import DomainName
from zoneproof.providers.txt_text import quote_txt


class Store(Protocol):
    """What has zones, such as a fake API."""

    @property
    def zones(self) -> Mapping[str, FakeZone]:
        """The zones as they are now."""


class FakeZonesDns(FakeDns):
    """Answers for the zones of a store, and for the ``top`` above them, in which nothing else is.

    Its own name is ``ns1`` in each zone. TXT records are seen at a name after ``late`` questions
    for those that are there.
    """

    def __init__(self, store: Store, top: str, port: int, *, late: int = 0) -> None:
        self._store = store
        self._top = FakeZone("", top)
        self._late = late
        self._hidden: dict[DomainName, int] = {}  # questions that still see nothing
        super().__init__(self._reply, tcp=self._reply, port=port)

    def _reply(self, question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        name = DomainName.parse(asked.name.to_text())
        kind = dns.rdatatype.to_text(asked.rdtype)
        zones = [one for one in self._store.zones.values() if name.is_below(DomainName(one.name))]
        zone = max(zones, key=lambda one: len(one.name), default=self._top)
        if not name.is_below(DomainName(zone.name)):
            return reply(question, rcode=dns.rcode.REFUSED)
        owner = name.relative_to(DomainName(zone.name))
        found = {
            ("", "SOA"): [soa(zone.name).split(" ", 2)[2]],
            ("", "NS"): [f"ns1.{zone.name}."],
            ("ns1", "A"): [self.address],
        }.get((owner, kind), [])
        for record in self._visible(zone, owner, kind, name):
            found.append(quote_txt(record.value) if kind == "TXT" else record.value)
        if found:
            # The name is written as it was asked, because a resolver may mix its case.
            return reply(question, *(f"{str(asked.name)[:-1]} {kind} {data}" for data in found))
        exists = owner in ("", "ns1") or any(
            one.name == owner or one.name.endswith(f".{owner}") for one in zone.records
        )
        rcode = dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN
        return reply(question, authority=(soa(zone.name),), rcode=rcode)

    def _visible(self, zone: FakeZone, owner: str, kind: str, name: DomainName) -> list[Record]:
        records = zone.at(owner, kind)
        if kind == "TXT" and records:
            left = self._hidden.setdefault(name, self._late)
            if left:
                self._hidden[name] = left - 1
                return []
        return records
