"""How to wait for the DNS, and waiting until every authoritative server shows the TXT values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping

import msgspec

from zoneproof.core.aio import all_of
from zoneproof.core.errors import DnsError, InvalidInputError, PropagationError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery.resolver import Resolver
from zoneproof.dnsquery.visibility import NameReport, ServerStatus, Verdict, look
from zoneproof.dnsquery.zones import find_zone

_MAX_SECONDS = 86_400
_ASK = "authoritative"


class PropagationPolicy(msgspec.Struct, frozen=True):
    """Whether the authoritative servers are asked, and the fixed ``wait`` in seconds after that."""

    ask: bool = True
    wait: float = 0.0

    def __str__(self) -> str:
        if not self.ask:
            return f"{self.wait:g}"
        return f"{_ASK}+{self.wait:g}" if self.wait else _ASK

    @property
    def text(self) -> str:
        """What it does, for people."""
        if self.ask:
            return f"{_ASK}, then {self.wait:g} seconds" if self.wait else _ASK
        return f"{self.wait:g} seconds, without checking" if self.wait else "no, without checking"


def parse_policy(value: str | int) -> PropagationPolicy:
    """Read ``authoritative``, a number of seconds, or ``authoritative+30``.

    ``0`` neither asks nor waits. Raises InvalidInputError.
    """
    text = str(value).strip().lower()
    if text == _ASK:
        return PropagationPolicy()
    ask = text.startswith(_ASK)
    seconds = text.removeprefix(_ASK).lstrip()
    number = seconds.removeprefix("+").strip() if ask else seconds
    valid = number.isascii() and number.isdigit() and len(number) <= len(str(_MAX_SECONDS))
    if not valid or int(number) > _MAX_SECONDS or (ask and not seconds.startswith("+")):
        raise InvalidInputError(
            f"'{text[:40]}' is not a propagation setting: give 'authoritative', a number of seconds"
            f" up to {_MAX_SECONDS}, or both as 'authoritative+30'"
        )
    return PropagationPolicy(ask, float(number))


DEFAULT_DEADLINE = 600.0
FIXED_WAIT = 60.0

_FIRST_DELAYS = (0.1, 0.2, 0.5)
_GROWTH = 1.07  # so that no look is later than it could be by more than a tenth of the wait
_LONGEST_DELAY = 5.0
_SHOWN_PROBLEMS = 3


class PropagationProgress(msgspec.Struct, frozen=True):
    """What is known of one name after a round of questions, ``elapsed`` seconds into the wait.

    ``waits`` are the seconds of a fixed wait that begins now, 0 while servers are asked.
    """

    report: NameReport
    elapsed: float
    waits: float = 0.0


class PropagationReport(msgspec.Struct, frozen=True):
    """The last answers for each name, and how many seconds it took.

    ``names`` is empty where the policy asks no server. ``waited`` are the seconds that passed
    without looking: the policy's own, and the minute for names that could not be looked at.
    """

    names: tuple[NameReport, ...]
    elapsed: float
    waited: float = 0.0

    @property
    def visible(self) -> bool:
        """Whether every name is seen with every value."""
        return all(name.verdict is Verdict.VISIBLE for name in self.names)

    @property
    def seen(self) -> int:
        """How many names were seen with every value; none where no server is asked."""
        return sum(name.verdict is Verdict.VISIBLE for name in self.names)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each thing that is not as it should be, for people."""
        return tuple(dict.fromkeys(line for name in self.names for line in name.problems))

    @property
    def remarks(self) -> tuple[str, ...]:
        """One line for each server that was tolerated though it gave no answer of use."""
        return tuple(dict.fromkeys(str(server) for name in self.names for server in name.tolerated))


async def wait_until_visible(
    resolver: Resolver,
    expected: Mapping[DomainName, frozenset[str]],
    policy: PropagationPolicy | None = None,
    *,
    deadline: float = DEFAULT_DEADLINE,
    on_progress: Callable[[PropagationProgress], None] | None = None,
    on_missing: Callable[[NameReport], Awaitable[None]] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> PropagationReport:
    """Return once the TXT ``expected`` at each publish name is there, as far as can be known.

    By default every authoritative server is asked until all that answer have every value: at
    once, then after delays from 0.1 to 5 seconds. For a name of which no server can be asked at
    all, 60 seconds are waited instead. ``on_missing`` may do something about a name that is not
    visible, and is awaited before the next look. Raises PropagationError after ``deadline``
    seconds, naming each server and value that is missing.
    """
    policy = policy or PropagationPolicy()
    wait = _Wait(resolver, deadline, on_progress, on_missing, sleep, clock, clock())
    reports: tuple[NameReport, ...] = ()
    if policy.ask:
        reports = tuple(await all_of(wait.for_name(*each) for each in expected.items()))
    late = [report for report in reports if report.verdict is Verdict.NOT_YET]
    if late:
        raise PropagationError(_too_late(late, deadline))
    blind = any(report.verdict is Verdict.UNKNOWN for report in reports)
    if policy.wait:
        await sleep(policy.wait)
    waited = policy.wait + (FIXED_WAIT if blind else 0)
    return PropagationReport(reports, wait.elapsed(), waited)


async def check_visible(
    resolver: Resolver, expected: Mapping[DomainName, frozenset[str]]
) -> PropagationReport:
    """Ask every authoritative server once and tell what is there; nothing is waited for."""
    started = time.monotonic()
    reports = await asyncio.gather(
        *(_look_once(resolver, name, values) for name, values in expected.items())
    )
    return PropagationReport(tuple(reports), time.monotonic() - started)


async def _look_once(resolver: Resolver, name: DomainName, values: frozenset[str]) -> NameReport:
    try:
        cut = await find_zone(resolver, name)
    except DnsError as error:
        return NameReport(name, None, note=error.message)
    return await look(resolver, cut, values, NameReport(name, cut.name))


class _Wait(msgspec.Struct, frozen=True):
    """One wait for many names, all with the same start and deadline."""

    resolver: Resolver
    deadline: float
    on_progress: Callable[[PropagationProgress], None] | None
    on_missing: Callable[[NameReport], Awaitable[None]] | None
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    started: float

    def elapsed(self) -> float:
        return self.clock() - self.started

    async def for_name(self, name: DomainName, values: frozenset[str]) -> NameReport:
        try:
            cut = await find_zone(self.resolver, name)
        except DnsError as error:
            return await self._without_looking(NameReport(name, None, note=error.message))
        report = NameReport(name, cut.name)
        delays = _delays()
        while True:
            report = await look(self.resolver, cut, values, report)
            if report.verdict is Verdict.UNKNOWN:
                return await self._without_looking(report)
            self._tell(report)
            delay = next(delays)
            if report.verdict is Verdict.VISIBLE or self.elapsed() + delay > self.deadline:
                return report
            if self.on_missing:
                await self.on_missing(report)
            await self.sleep(delay)

    async def _without_looking(self, report: NameReport) -> NameReport:
        self._tell(report, waits=FIXED_WAIT)
        await self.sleep(FIXED_WAIT)
        return report

    def _tell(self, report: NameReport, waits: float = 0.0) -> None:
        if self.on_progress:
            self.on_progress(PropagationProgress(report, self.elapsed(), waits))


def _delays() -> Iterator[float]:
    yield from _FIRST_DELAYS
    delay = _FIRST_DELAYS[-1]
    while True:
        delay = min(delay * _GROWTH, _LONGEST_DELAY)
        yield delay


def _too_late(reports: list[NameReport], deadline: float) -> str:
    lines = [line for report in reports for line in report.problems]
    shown = "; ".join(lines[:_SHOWN_PROBLEMS])
    more = len(lines) - _SHOWN_PROBLEMS
    is_published = all(
        any(server.status is ServerStatus.VISIBLE for server in report.servers)
        for report in reports
        if report.problems
    )
    advice = "check whether the provider accepted the change"
    if is_published:
        advice = "other servers of the zone have it: check whether zone transfers work"
    return (
        f"after {deadline:g} s {shown}"
        + (f"; and {more} more" if more > 0 else "")
        + f"; {advice}, or allow more time"
    )
