"""What runs published and could not remove: shown, tried again, and given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from zoneproof.core import times
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import BusyError, NotFoundError, ZoneproofError
from zoneproof.issuance import (
    Emit,
    HttpFile,
    Journal,
    PublishedRecord,
    Warned,
    remove_leftovers,
)
from zoneproof.manager.home import Home
from zoneproof.manager.methods import ProviderPool


class LeftoverFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A TXT value (``name``, ``value``) or a challenge file (``name`` is its path) that may stand.

    ``certificate`` is whose order it is from, or the label of a credential's test. ``tries`` is 0
    for what a run that was cut off left. Moments are RFC 3339 in UTC, empty before a try failed.
    """

    certificate: str
    name: str
    value: str = ""
    provider: str = ""
    credential: str = ""
    since: str = ""
    tries: int = 0
    next_try_at: str = ""
    error: str = ""

    @property
    def what(self) -> str:
        """The record or file in words."""
        return (
            f"the TXT value {self.value} at {self.name}" if self.value else f"the file {self.name}"
        )

    def rows(self, now: datetime) -> dict[str, str]:
        """Return whose it is, and when it is tried again, by what each is."""
        by = self.provider
        if self.credential:
            by += f", credential {self.credential}"
        rows = {"of": self.certificate, "provider": by}
        if self.tries:
            rows |= {
                "tries": f"{self.tries}, the first {times.distance(self.since, now)}",
                "next try": f"by the first run after {times.at(self.next_try_at)}",
                "problem": self.error,
            }
        else:
            rows["next try"] = "by the next run"
        return {name: text for name, text in rows.items() if text}


class Leftovers(msgspec.Struct, frozen=True):
    """What the runs of a home left behind. Every method raises StorageError."""

    home: Home
    journal: Journal
    providers: ProviderPool
    parallel: int

    async def find(self, names: Sequence[str] = (), *, credential: str = "") -> list[LeftoverFacts]:
        """Return what may still stand, of certificates that no process works on now.

        ``names`` choose by certificate, or by the name of a record or file; ``credential`` by what
        a value was published with. Raises InvalidInputError for a name that has nothing.
        """
        found = []
        for certificate in await self.journal.certificates_to_clean():
            if not self.home.is_locked(certificate):
                found += [facts for facts, _ in await self._of_certificate(certificate)]
        _require_known(found, names)
        return [
            one
            for one in found
            if (not names or _is_meant(one, names)) and credential in ("", one.credential)
        ]

    async def failed(self) -> list[LeftoverFacts]:
        """Return what runs tried to remove in vain, also of certificates that one works on now."""
        names = await self.journal.certificates_to_clean()
        found = [facts for name in names for facts, _ in await self._of_certificate(name)]
        return [one for one in found if one.tries]

    async def drop(self, chosen: Sequence[LeftoverFacts]) -> None:
        """Try to remove these no more, wherever they stand. Raises BusyError."""
        for certificate in sorted({one.certificate for one in chosen}):
            with self.home.lock(certificate):
                for facts, item in await self._of_certificate(certificate):
                    if _is_one_of(facts, chosen):
                        await self.journal.forget(item)

    async def retry(self, certificates: Sequence[str], emit_for: Callable[[str], Emit]) -> None:
        """Try to remove all that these certificates' runs left, now. Raises BusyError."""
        for certificate in certificates:
            with self.home.lock(certificate):
                await self.remove(certificate, emit_for(certificate), insist=True)

    async def remove(self, certificate: str, emit: Emit, *, insist: bool = False) -> None:
        """Remove what the certificate's runs left, for a caller who holds its lock.

        What cannot be removed is told. ``insist`` tries what is not due to be tried again, too.
        """
        providers_for = self.providers.for_publication
        await remove_leftovers(self.journal, certificate, providers_for, emit, insist=insist)

    async def clean_up(self, emit: Emit, *, leave: str = "") -> None:
        """Remove what runs that were cut off left, of several certificates at once.

        Certificates that another process is working on are left alone, and so is ``leave``. What
        goes wrong is told.
        """

        async def clean(name: str) -> None:
            try:
                with self.home.lock(name):
                    await self.remove(name, emit)
            except BusyError:
                pass
            except ZoneproofError as error:
                emit(Warned(f"{name}: {error}; the next run tries again"))

        # At once, for a provider that is down takes its time to say so.
        names = await self.journal.certificates_to_clean()
        await all_at_once((clean(name) for name in names if name != leave), self.parallel)

    async def _of_certificate(
        self, certificate: str
    ) -> list[tuple[LeftoverFacts, PublishedRecord | HttpFile]]:
        found: list[tuple[LeftoverFacts, PublishedRecord | HttpFile]] = []
        for order_id in await self.journal.orders_to_clean(certificate):
            for item in await self.journal.publications(order_id):
                facts = LeftoverFacts(
                    certificate=certificate,
                    name=str(item.full_name),
                    value=item.value,
                    provider=item.provider,
                    credential=item.credential,
                )
                found.append((_with_failure(facts, item), item))
            for file in await self.journal.files(order_id):
                facts = LeftoverFacts(certificate=certificate, name=str(file.path))
                found.append((_with_failure(facts, file), file))
        return found


def _with_failure(facts: LeftoverFacts, item: PublishedRecord | HttpFile) -> LeftoverFacts:
    failed = item.failed
    if failed is None:
        return facts
    return replace(
        facts,
        since=times.stamp(failed.since, "seconds"),
        tries=failed.tries,
        next_try_at=times.stamp(failed.next_try_at, "seconds"),
        error=failed.error,
    )


def _is_one_of(facts: LeftoverFacts, chosen: Sequence[LeftoverFacts]) -> bool:
    return any((facts.name, facts.value) == (one.name, one.value) for one in chosen)


def _is_meant(facts: LeftoverFacts, names: Sequence[str]) -> bool:
    return facts.certificate in names or facts.name in names


def _require_known(found: Sequence[LeftoverFacts], names: Sequence[str]) -> None:
    for name in names:
        if not any(_is_meant(one, [name]) for one in found):
            raise NotFoundError(
                f"there is no leftover of '{name[:80]}': 'zoneproof leftover list' shows all"
            )
