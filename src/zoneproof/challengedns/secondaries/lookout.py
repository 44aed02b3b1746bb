"""Notifies secondaries of changes, sees when they answer with them, and who is not waited for.

A secondary is live as long as it answers, at each of its name servers, with every change within
its ``wait``. Then it is left out: changes no longer wait for it, until it has caught up.
"""

from __future__ import annotations

import bisect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.tsig

from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.secondaries.content import Content, ahead, generation_of
from zoneproof.challengedns.secondaries.exchange import (
    Exchange,
    notification,
    serial_in,
    soa_question,
    source_for,
)
from zoneproof.challengedns.secondaries.progress import (
    IS_LIVE,
    LATE_SINCE,
    NOTIFIES,
    REACHED,
    Progress,
)

_ANSWER_SECONDS = 0.5
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1  # seconds between looks at one that has to catch up
_FAILED_LOOK, _LEFT_OUT_LOOK = 1.0, 2.0
_IDLE_LOOK = 10.0
_FIRST_REPEAT, _LAST_REPEAT = 0.5, 60.0  # of a NOTIFY that had no effect; RFC 1996 has 60 too

_KEPT_TIMES = 10_000

_log = logging.getLogger(__name__)


class Changes:
    """When which generations brought differences, by the machine's seconds."""

    def __init__(self) -> None:
        self._generations: list[int] = []
        self._times: list[float] = []

    def note(self, generation: int, now: float) -> None:
        """Add a generation if it is newer than those before."""
        if not self._generations or generation > self._generations[-1]:
            self._generations.append(generation)
            self._times.append(now)

    def lacking_since(self, reached: int) -> float | None:
        """Return since when whoever has reached that lacks a change; None if they lack none."""
        index = bisect.bisect_right(self._generations, reached)
        return self._times[index] if index < len(self._times) else None

    def forget(self, reached: int) -> None:
        """Forget what all have reached, and some of what one lacks that lacks much."""
        index = bisect.bisect_right(self._generations, reached)
        del self._generations[:index], self._times[:index]
        if len(self._times) > _KEPT_TIMES:
            del self._generations[1 : _KEPT_TIMES // 2], self._times[1 : _KEPT_TIMES // 2]


class _Probe:
    """Asks one name server for the serial of one zone."""

    def __init__(self, zone: _Zone, server: tuple[str, int], source: str) -> None:
        self.zone = zone
        self.server = server
        self.source = source
        self.exchange: Exchange | None = None
        self.deadline = 0.0
        self.reached = 0
        self.problem = "has not answered yet"
        self.silent_since: float | None = None
        self.next_look = 0.0
        self.pause = _FIRST_LOOK


class _Zone:
    """One zone at one secondary."""

    def __init__(self, wire_name: bytes, *, has_registrations: bool) -> None:
        self.name = dns.name.from_wire(wire_name, 0)[0]
        self.has_registrations = has_registrations
        self.notified = 0
        self.next_notify = 0.0
        self.pause = _FIRST_REPEAT
        self.notice: Exchange | None = None
        self.probes: list[_Probe] = []

    def wanted(self, content: Content) -> int:
        """Return the generation that a server of the zone has to reach."""
        return content.newest if self.has_registrations else content.floor

    @property
    def reached(self) -> int:
        """The generation that all its servers have reached."""
        return min(probe.reached for probe in self.probes)


class _Watched:
    """One secondary."""

    def __init__(
        self, data: SecondaryData, registrations: Mapping[bytes, bool], listen: Sequence[str]
    ) -> None:
        self.data = data
        self.key = dns.tsig.Key(dns.name.from_text(data.key), data.secret, data.algorithm)
        self.source = source_for(data.host, listen)
        self.zones = [
            _Zone(name, has_registrations=registrations[name])
            for name in data.zones
            if name in registrations
        ]
        for zone in self.zones:
            zone.probes = [
                _Probe(zone, (host, port), source_for(host, listen))
                for host, port in data.name_servers
            ]
        self.said = ""

    @property
    def probes(self) -> Iterator[_Probe]:
        return (probe for zone in self.zones for probe in zone.probes)

    @property
    def exchanges(self) -> Iterator[Exchange]:
        for zone in self.zones:
            if zone.notice is not None:
                yield zone.notice
        for probe in self.probes:
            if probe.exchange is not None:
                yield probe.exchange


class Lookout:
    """All secondaries. For one thread, except for :meth:`note_transfer`."""

    def __init__(
        self,
        secondaries: Sequence[SecondaryData],
        registrations: Mapping[bytes, bool],
        content: Content,
        progress: Progress,
        clock: Callable[[], float],
        listen: Sequence[str],
    ) -> None:
        """``registrations`` tells of each zone whether it has any; ``listen`` are the addresses
        at which secondaries know this service."""
        self._content = content
        self._progress = progress
        self._clock = clock
        self._changes = Changes()
        self._watched = [_Watched(each, registrations, listen) for each in secondaries]
        self._transferred: set[str] = set()

    def note_transfer(self, secondary: SecondaryData) -> None:
        """Look at a secondary at once, and all with its key: it has transferred something."""
        self._transferred.add(secondary.key)

    def descriptors(self) -> list[int]:
        """Return where answers are awaited."""
        return [
            exchange.sock.fileno() for watched in self._watched for exchange in watched.exchanges
        ]

    def turn(self) -> tuple[float, bool]:
        """Do what is due.

        Return when the next thing is, by the clock, and whether the service is to look at what
        changed.
        """
        now = self._clock()
        transferred, self._transferred = self._transferred, set()
        self._changes.note(self._content.newest, now)
        due = now + _IDLE_LOOK
        has_news = False
        for watched in self._watched:
            is_live = bool(self._progress.get(watched.data.slot, IS_LIVE))
            for zone in watched.zones:
                due = min(due, self._notify(watched, zone, now))
                for probe in zone.probes:
                    if watched.data.key in transferred:
                        probe.pause, probe.next_look = _FIRST_LOOK, now
                    due = min(due, self._look(probe, now, is_live=is_live))
            has_news = self._tell(watched, now, is_live=is_live) or has_news
        lacking = [
            zone.reached
            for watched in self._watched
            for zone in watched.zones
            if zone.reached < zone.wanted(self._content)
        ]
        self._changes.forget(min(lacking, default=self._content.newest))
        return due, has_news

    def close(self) -> None:
        """Release all ports."""
        for watched in self._watched:
            for exchange in list(watched.exchanges):
                exchange.close()

    # --- NOTIFY ----------------------------------------------------------------------------

    def _notify(self, watched: _Watched, zone: _Zone, now: float) -> float:
        """Notify if that is due; return when it is due again."""
        self._take_answer_to_notice(watched, zone)
        wanted = zone.wanted(self._content)
        if zone.reached >= wanted:
            zone.pause = _FIRST_REPEAT
            zone.next_notify = 0.0
            return now + _IDLE_LOOK
        # One that is at work on the last notice will look again only after that.
        is_idle = zone.reached >= zone.notified
        if zone.next_notify > now and not (is_idle and wanted > zone.notified):
            return zone.next_notify
        if is_idle:
            zone.pause = _FIRST_REPEAT
        self._send_notice(watched, zone)
        zone.notified = wanted
        zone.next_notify = now + zone.pause
        zone.pause = min(2 * zone.pause, _LAST_REPEAT)
        for probe in zone.probes:
            probe.pause = _FIRST_LOOK
            probe.next_look = min(probe.next_look, now + _FIRST_LOOK)
        return zone.next_notify

    def _send_notice(self, watched: _Watched, zone: _Zone) -> None:
        if zone.notice is not None:
            zone.notice.close()
            zone.notice = None
        data = watched.data
        self._progress.count(data.slot, NOTIFIES)
        try:
            zone.notice = Exchange(
                notification(zone.name, watched.key), (data.host, data.port), watched.source
            )
        except OSError as error:
            self._say(watched, f"cannot be notified: {error.strerror}")

    def _take_answer_to_notice(self, watched: _Watched, zone: _Zone) -> None:
        if zone.notice is None:
            return
        try:
            reply = zone.notice.answer()
        except BlockingIOError:
            return
        except OSError:
            reply = None  # nobody listens there, which its probes tell too
        except dns.tsig.PeerError:
            key = watched.data.key
            self._say(
                watched,
                f"refuses NOTIFY: it has no key '{key}', or with another secret or algorithm, or"
                " its clock differs",
            )
            reply = None
        except dns.exception.DNSException as error:
            self._say(watched, f"answers NOTIFY with what cannot be read or believed: {error}")
            reply = None
        if reply is not None and reply.rcode() != dns.rcode.NOERROR:
            rcode = dns.rcode.to_text(reply.rcode())
            self._say(watched, f"refuses NOTIFY of {zone.name.to_text(True)}: {rcode}")
        zone.notice.close()
        zone.notice = None

    def _say(self, watched: _Watched, text: str) -> None:
        if text != watched.said:
            _log.warning("secondary %s %s", watched.data.name, text)
        watched.said = text

    # --- serials ---------------------------------------------------------------------------

    def _look(self, probe: _Probe, now: float, *, is_live: bool) -> float:
        """Take an answer that has come, and ask if that is due; return when something is due."""
        self._take_serial(probe, now)
        if probe.exchange is not None:
            if now < probe.deadline:
                return probe.deadline
            self._end(probe)
            self._fail(probe, "does not answer", now)
        if now < probe.next_look:
            return probe.next_look
        if probe.silent_since is None:
            probe.silent_since = now
        try:
            probe.exchange = Exchange(soa_question(probe.zone.name), probe.server, probe.source)
        except OSError as error:
            self._fail(probe, f"cannot be asked: {error.strerror}", now)
        probe.deadline = now + _ANSWER_SECONDS
        is_current = probe.reached >= probe.zone.wanted(self._content)
        if is_current and not probe.problem:
            probe.next_look = now + _IDLE_LOOK
        elif is_live:
            probe.next_look = now + probe.pause
            probe.pause = min(2 * probe.pause, _LAST_LOOK)
        else:
            probe.next_look = now + _LEFT_OUT_LOOK
        return min(probe.deadline, probe.next_look)

    def _take_serial(self, probe: _Probe, now: float) -> None:
        if probe.exchange is None:
            return
        try:
            reply = probe.exchange.answer()
        except BlockingIOError:
            return
        except (OSError, dns.exception.DNSException):
            self._end(probe)
            self._fail(probe, "does not answer", now)
            return
        if reply is None:
            return  # somebody else's
        self._end(probe)
        found = serial_in(reply)
        if isinstance(found, str):
            self._fail(probe, found, now)
            return
        if problem := ahead(found, self._content.generation):
            self._fail(probe, problem, now)
            return
        reached = generation_of(found, self._content.generation)
        if probe.problem:  # what it was sent before, it may not have got
            probe.zone.pause, probe.zone.next_notify = _FIRST_REPEAT, 0.0
        probe.reached = reached
        probe.problem = ""
        probe.silent_since = None
        if reached < probe.zone.wanted(self._content):
            probe.next_look = min(probe.next_look, now + probe.pause)

    @staticmethod
    def _end(probe: _Probe) -> None:
        if probe.exchange is not None:
            probe.exchange.close()
            probe.exchange = None

    @staticmethod
    def _fail(probe: _Probe, problem: str, now: float) -> None:
        probe.problem = problem
        probe.next_look = min(probe.next_look, now + _FAILED_LOOK)

    # --- who is waited for -----------------------------------------------------------------

    def _tell(self, watched: _Watched, now: float, *, is_live: bool) -> bool:
        """Write down how far a secondary is; tell whether that has changed."""
        late = self._late_since(watched)
        lag = 0.0 if late is None else now - late
        slot, data = watched.data.slot, watched.data
        if is_live and lag > data.wait:
            is_live = False
            _log.warning(
                "secondary %s is left out: %s; changes no longer wait for it",
                data.name,
                self._problem(watched),
            )
        elif not is_live and lag <= data.wait / 2 and not any(p.problem for p in watched.probes):
            is_live = True
            watched.said = ""
            _log.info("secondary %s has caught up, and changes wait for it again", data.name)
        holding = [zone for zone in watched.zones if zone.has_registrations]
        reached = self._content.generation
        if any(zone.reached < self._content.newest for zone in holding):
            reached = min(zone.reached for zone in holding)
        since = 0 if late is None else int(late * 1000)
        self._progress.set(slot, LATE_SINCE, since)
        # Together, so that no change of one hides that of the other.
        return any(
            [
                self._progress.set(slot, REACHED, reached),
                self._progress.set(slot, IS_LIVE, int(is_live)),
            ]
        )

    def _late_since(self, watched: _Watched) -> float | None:
        times = [
            since
            for probe in watched.probes
            for since in (
                probe.silent_since,
                self._changes.lacking_since(probe.reached)
                if probe.reached < probe.zone.wanted(self._content)
                else None,
            )
            if since is not None
        ]
        return min(times, default=None)

    def _problem(self, watched: _Watched) -> str:
        for probe in watched.probes:
            host, port = probe.server
            what = probe.problem
            if not what and probe.reached < probe.zone.wanted(self._content):
                what = f"has the serial {probe.reached & 0xFFFFFFFF}"
                what += f" and not {probe.zone.wanted(self._content) & 0xFFFFFFFF}"
            if what:
                return f"{host} port {port} {what} ({probe.zone.name.to_text(True)})"
        return "it was late"
