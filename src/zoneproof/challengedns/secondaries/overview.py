"""Which serials the secondaries have, asked from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.message
import dns.name

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.secondaries.content import ahead, generation_of
from zoneproof.challengedns.secondaries.exchange import ask_at_once, serial_in, soa_question
from zoneproof.challengedns.secondary_config import SecondaryConfig
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint
from zoneproof.storage import Transaction

_ANSWER_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_Asked = tuple[str, DomainName, Endpoint]  # secondary, zone and name server
_NEWEST = "SELECT MAX(generation) FROM challenge_change WHERE is_new = 0"


@dataclass(frozen=True)
class ServerSerial:
    """What a name server of a secondary says of a zone: its serial, or what is wrong."""

    secondary: str
    zone: DomainName
    server: Endpoint
    serial: int | None
    problem: str


def ask_serials(secondaries: Sequence[SecondaryConfig]) -> list[ServerSerial]:
    """Ask all name servers at once, and return what they said in time."""
    asked = [
        (secondary.name, zone, server)
        for secondary in secondaries
        for zone in secondary.zones
        for server in secondary.name_servers
    ]
    questions = {
        each: (soa_question(dns.name.from_text(each[1].fqdn)), (each[2].host, each[2].port))
        for each in asked
    }
    found = ask_at_once(questions, _said, _ANSWER_SECONDS)
    silent = None, "does not answer"
    return [ServerSerial(*each, *found.get(each, silent)) for each in asked]


def _said(asked: _Asked, reply: dns.message.Message | OSError) -> tuple[int | None, str]:  # noqa: ARG001
    """Return the serial, or what is wrong."""
    if isinstance(reply, OSError):
        return None, f"cannot be asked: {reply.strerror}"
    serial = serial_in(reply)
    return (serial, "") if isinstance(serial, int) else (None, serial)


@dataclass(frozen=True)
class SecondaryFacts:
    """A zone at a name server of a secondary.

    ``behind`` is how many numbers the newest change of the zone is after its serial; it is None
    where ``problem`` says what is wrong.
    """

    secondary: str
    zone: str
    server: str
    serial: int | None
    behind: int | None
    problem: str


def newest_changes(tx: Transaction) -> tuple[int, int]:
    """Return the newest change of what is answered, and that of the zones themselves."""
    ((every,),), ((zones,),) = tx.query(_NEWEST), tx.query(f"{_NEWEST} AND subdomain = ''")
    return int(str(every or 0)), int(str(zones or 0))


def secondary_facts(
    config: Config, asked: Sequence[ServerSerial], newest: tuple[int, int], latest: int
) -> list[SecondaryFacts]:
    """Compare what the secondaries said with the newest changes (:func:`newest_changes`) before.

    ``latest`` is the generation after they were asked: nobody can have a later one of ours. Only
    zones with registrations change with each value.
    """
    with_registrations = [zone.name for zone in config.zones if zone.registrations]
    found = []
    for each in asked:
        wanted = newest[0] if each.zone in with_registrations else newest[1]
        behind, problem = None, each.problem
        if each.serial is not None and not (problem := ahead(each.serial, latest)):
            behind = max(0, wanted - generation_of(each.serial, wanted))
        found.append(
            SecondaryFacts(
                each.secondary, each.zone.text, str(each.server), each.serial, behind, problem
            )
        )
    return found


def late_secondaries(
    config: Config, newest: tuple[int, int], latest: Callable[[], int]
) -> list[str]:
    """Wait for the secondaries to answer with a change; return those that did not in their time.

    For a process beside the service, which does not know whom that has left out. ``latest`` reads
    the generation, for a serial that is newer than the change.
    """
    start, known = machine_seconds(), newest[0]
    while True:
        passed = machine_seconds() - start  # before they are asked: the last look is after that
        asked = ask_serials(config.secondaries)
        if any(each.serial is not None and ahead(each.serial, known) for each in asked):
            known = latest()
        facts = secondary_facts(config, asked, newest, known)
        behind = {each.secondary for each in facts if each.behind != 0}
        late = [each for each in config.secondaries if each.name in behind]
        if all(passed >= each.wait for each in late):
            return [each.name for each in late]
        time.sleep(_LOOK_SECONDS)
