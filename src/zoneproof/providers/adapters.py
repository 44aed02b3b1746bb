"""What the providers share that other programs' code stands behind: acme.sh, dns-lexicon, certbot.

The contract, the locks and the deadlines are ours, the writing is theirs: it is done in a process
of its own, which gets what the credential holds and nothing else that is ours.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

from filelock import AsyncFileLock, Timeout

from zoneproof.core.aio import KeyedLocks, settle
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.core.programs import Ended, ProgramError, read_seconds, run_program
from zoneproof.core.text import sanitize
from zoneproof.providers.contract import Limits, ProviderContext, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField

# By the HTTP status that is the last one, or by the word that the other process says.
KINDS: Mapping[str, type[ProviderError]] = {
    "401": ProviderCredentialsError,
    "403": ProviderPermissionError,
    "429": ProviderQuotaError,
    "credentials": ProviderCredentialsError,
    "zone": ProviderZoneError,
    "unavailable": ProviderUnavailableError,
    **{str(status): ProviderUnavailableError for status in (500, 502, 503, 504)},
}
_AT_ONCE = 10  # processes, each for a zone of its own
_LONGEST_LOOK = 5.0  # seconds; where the DNS cannot be asked, nothing is put back
SHORTEST_SECRET = 5  # characters; "true" and "1" are none
# None of these programs is known to quote anything else rightly, nor to tell that it cannot.
LIMITS = Limits(value_bytes=255, value_pattern="[A-Za-z0-9_-]+", has_ttl=False)
_SOUNDS_SECRET = re.compile(
    r"key|secret|token|pass|pwd|pw$|auth|credential|cookie|session|otp", re.IGNORECASE
)


def sounds_secret(name: str) -> bool:
    """Guess by its name whether a setting of another program is a secret. Rather yes than no."""
    return bool(_SOUNDS_SECRET.search(name))


TIMEOUT = CredentialField(
    "timeout",
    "seconds that the change of one value may take",
    default="120",
    check=partial(read_seconds, "timeout"),
    rare=True,
)


class Adapter(ABC):
    """A family of providers, such as ``acmesh:``; its classes by :meth:`named` are providers."""

    info: ClassVar[ProviderInfo]
    form: ClassVar[str]  # of a slug, for people
    name: ClassVar[str]  # what follows the colon of the slug
    own_fields: ClassVar[frozenset[str]]  # which are for us, and not for the other program

    @classmethod
    def named(cls, name: str) -> type[Self]:
        """Return the provider of that name. Raises InvalidInputError for what can be none."""
        named: type[Self] = type(cls.__name__, (cls,), {"name": name, "info": cls.describe(name)})
        return named

    @classmethod
    @abstractmethod
    def describe(cls, name: str) -> ProviderInfo:
        """Describe the provider of that name, whether it is installed or not.

        Raises InvalidInputError for a name that none can have.
        """

    @classmethod
    @abstractmethod
    def installed(cls) -> dict[str, str]:
        """Return what is installed here: the title of each name."""

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        self.theirs = {
            name: value for name, value in fields.items() if value and name not in self.own_fields
        }
        self.secrets = {
            value
            for name, value in self.theirs.items()
            if (field := self.info.field(name)) and field.secret and len(value) >= SHORTEST_SECRET
        }
        self._timeout = read_seconds(TIMEOUT.name, fields[TIMEOUT.name])
        self._txt_values = context.txt_values
        self._lock_folder = context.locks
        self._removed: set[tuple[DomainName, TxtRecord]] = set()
        self._locks = KeyedLocks()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._home: Path | None = None
        self._remove_home: Callable[[], object] | None = None

    async def zones(self) -> list[Zone]:
        """Return nothing: the zone is found by asking the DNS."""
        return []

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Have each value added."""
        await self._change("add", zone, records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Have each value removed."""
        await self._change("remove", zone, records)

    async def close(self) -> None:
        """Remove what the other program has kept for itself."""
        if self._remove_home:
            self._remove_home()
        self._home = None

    @abstractmethod
    async def change(
        self, action: str, zone: Zone, records: Sequence[TxtRecord]
    ) -> Sequence[ProviderError | None]:
        """Change the records, which nobody else of this credential does in this zone meanwhile.

        ``action`` is ``add`` or ``remove``. Returns what became of each record; raises
        ProviderError for what became of all.
        """

    @property
    def home(self) -> Path:
        """The other program's home: empty at first, nobody else's, kept until :meth:`close`."""
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix="zoneproof-"))
            # Also where nobody closes the provider.
            self._remove_home = weakref.finalize(
                self, shutil.rmtree, self._home, ignore_errors=True
            )
        return self._home

    async def run(
        self, where: str, command: Sequence[str], variables: Mapping[str, str], values: int
    ) -> Ended:
        """Run a program that changes so many values. Raises ProviderError if it has no end."""
        home = {"HOME": str(self.home), "TMPDIR": str(self.home)}
        try:
            return await run_program(
                command, seconds=self._timeout * values, variables={**variables, **home}
            )
        except ProgramError as error:
            unknown = "; whether anything was changed is not known: raise the field timeout"
            raise ProviderUnavailableError(
                f"{where}: it {error.message}{unknown if error.started else ''}",
                changed_nothing=not error.started,
            ) from error

    def error(self, where: str, kind: str, said: str | bytes) -> ProviderError:
        """Return the error for what the other program said."""
        words = sanitize(said, limit=300, secrets=self.secrets) or "it failed and said nothing"
        return KINDS.get(kind, ProviderError)(f"{where}: {words}")

    async def _change(self, action: str, zone: Zone, records: Sequence[TxtRecord]) -> None:
        once = list(dict.fromkeys(records))
        for record in once:
            LIMITS.check(record.value)
        if not once:
            return
        async with self._locks(zone.name), self._slots, self._turn(zone):
            before = await self._values(zone, once)
            outcomes = await self.change(action, zone, once)
            if action == "remove":
                self._removed |= {(zone.name, record) for record in once}
            await self._restore(zone, before, once)
        failures = [error for error in outcomes if error]
        if failures:
            first = failures[0]
            whole = type(first)(
                first.message, changed_nothing=all(e and e.changed_nothing for e in outcomes)
            )
            whole.outcomes = dict(zip(once, outcomes, strict=True))
            raise whole

    @asynccontextmanager
    async def _turn(self, zone: Zone) -> AsyncIterator[None]:
        """Have other processes wait that change the zone with this provider."""
        if self._lock_folder is None:
            yield
            return
        self._lock_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = hashlib.sha256(f"{self.info.slug} {zone.name}".encode()).hexdigest()
        # A name that no certificate can have, whose locks are in the same folder.
        lock = AsyncFileLock(self._lock_folder / f"~{digest[:32]}.lock", timeout=self._timeout)
        try:
            await lock.acquire()
        except Timeout as error:
            raise ProviderUnavailableError(
                f"{self.info.slug}, zone {zone.name}: another zoneproof is still changing it after"
                f" {self._timeout:g} seconds: try again later",
                changed_nothing=True,
            ) from error
        try:
            yield
        finally:
            await lock.release()

    async def _values(self, zone: Zone, records: Sequence[TxtRecord]) -> dict[str, frozenset[str]]:
        """Return what the DNS has at those names of the records of which it can be known."""
        if self._txt_values is None:
            return {}
        names = list({record.name for record in records})
        found = await settle(self._look(zone.record(name)) for name in names)
        return {
            name: values
            for name, values in zip(names, found, strict=True)
            if not isinstance(values, BaseException)
        }

    async def _look(self, name: DomainName) -> frozenset[str]:
        assert self._txt_values
        async with asyncio.timeout(_LONGEST_LOOK):
            return frozenset(await self._txt_values(name))

    async def _restore(
        self, zone: Zone, before: Mapping[str, frozenset[str]], records: Sequence[TxtRecord]
    ) -> None:
        """Add again what the other program took away besides, as some do with all of a name.

        Nothing that was removed from here, which servers that lag behind may still have had.
        """
        others = [
            other
            for name, values in before.items()
            for value in values
            if (other := TxtRecord(name, value, records[0].ttl)) not in records
            and (zone.name, other) not in self._removed
            and _is_writable(value)
        ]
        now = await self._values(zone, others)
        lost = [one for one in others if one.name in now and one.value not in now[one.name]]
        failed = [error for error in await self.change("add", zone, lost) if error] if lost else []
        if failed:
            raise ProviderError(f"it took away values of others as well, and {failed[0].message}")


def _is_writable(value: str) -> bool:
    try:
        LIMITS.check(value)
    except InvalidInputError:
        return False
    return True


def last_lines(ended: Ended, most: int = 1) -> bytes:
    """Return the end of what a program said, rather of its errors than of all else."""
    for output in (ended.stderr, ended.stdout):
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        if lines:
            return b"; ".join(dict.fromkeys(lines[-most:]))
    return b""
