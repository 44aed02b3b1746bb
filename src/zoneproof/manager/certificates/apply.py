"""Makes the stored definitions those of a file: works out what would change, and changes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import BusyError
from zoneproof.issuance import Emit
from zoneproof.manager.certificates.defined_tasks import new_task_problems
from zoneproof.manager.certificates.definition import CertificateDefinition, unused_rules
from zoneproof.manager.certificates.definition_file import describe_changes
from zoneproof.manager.certificates.file_form import reshaped
from zoneproof.manager.certificates.refusals import refusals
from zoneproof.manager.certificates.removal import forget, give_up_orders, give_up_other_orders
from zoneproof.manager.certificates.store import (
    DamagedCertificate,
    ManagedCertificate,
    plain_name,
    spelled_otherwise,
)
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.manager import Manager
from zoneproof.storage import Transaction


@dataclass(frozen=True)
class DefinitionChange:
    """What becomes of one certificate; None is a definition that is not there, or not readable."""

    name: str
    before: CertificateDefinition | None
    after: CertificateDefinition | None

    @property
    def kind(self) -> str:
        """``new``, ``changed`` or ``removed``."""
        if self.after is None:
            return "removed"
        return "changed" if self.before else "new"

    @property
    def lines(self) -> list[str]:
        """What is new or differs, a line for each field; nothing for one that is removed."""
        return describe_changes(self.before, self.after) if self.after else []


@dataclass(frozen=True)
class DefinitionPlan:
    """All changes that definitions mean, sorted by name, and what is wrong with them.

    ``unchanged`` is how many certificates stay as they are. ``problems`` and ``warnings`` have a
    line for each; with the latter changes can be made all the same.
    """

    changes: tuple[DefinitionChange, ...]
    unchanged: int
    problems: list[str]
    warnings: list[str]

    def of_kind(self, kind: str) -> list[DefinitionChange]:
        """Return those of one kind."""
        return [change for change in self.changes if change.kind == kind]

    def as_fields(self, *, saved: bool) -> dict[str, object]:
        """Return the changes for programs, and whether they were ``saved``."""
        kinds = ("new", "changed", "removed")
        return {
            **{
                kind: [{"name": one.name, "changes": one.lines} for one in self.of_kind(kind)]
                for kind in kinds
            },
            "unchanged": self.unchanged,
            "saved": saved,
        }


async def plan_changes(
    manager: Manager, definitions: Sequence[CertificateDefinition], *, prune: bool
) -> DefinitionPlan:
    """Compare the definitions with the stored ones; with ``prune`` all others are removed."""
    stored = {one.name: _definition(one) for one in await manager.certificates.each()}
    wanted = {definition.name: definition for definition in definitions}
    names = sorted({*wanted, *stored} if prune else wanted)
    changes = [
        DefinitionChange(name, stored.get(name), wanted.get(name))
        for name in names
        if stored.get(name) is None or stored[name] != wanted.get(name)
    ]
    stay = wanted if prune else stored
    readable = {name: one for name, one in stored.items() if one and name in stay}
    problems = _spelled_alike(wanted, {*wanted, *(() if prune else stored)})
    problems += await manager.checks.all_problems(definitions, readable)
    if not problems:
        found = await all_at_once(_refusals(manager, change) for change in changes)
        problems = [problem for each in found for problem in each]
    warnings = []
    if not problems:
        warnings = await new_task_problems(
            manager.home.path,
            manager.credentials,
            [(change.before, change.after) for change in changes if change.after],
        )
        for change in changes:
            warnings += unused_rules(change.after) if change.after else []
        warnings += WrittenFiles({**readable, **wanted}.values()).clashes_of(definitions)
    return DefinitionPlan(tuple(changes), len(names) - len(changes), problems, warnings)


def _spelled_alike(wanted: Iterable[str], names: Collection[str]) -> list[str]:
    """Return a line for each wanted name that another of the names is, spelled otherwise."""
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name in wanted):  # those that are there already
        first.setdefault(plain_name(name), name)
    others = {name: first[plain_name(name)] for name in wanted}
    return [
        f"{name}: {spelled_otherwise(name, other)}"
        for name, other in others.items()
        if name != other
    ]


async def _refusals(manager: Manager, change: DefinitionChange) -> list[str]:
    if change.after is None:
        return []
    found = await refusals(manager, change.after, change.before)
    return [f"{change.name}: {problem}" for problem in found]


def _definition(found: ManagedCertificate | DamagedCertificate) -> CertificateDefinition | None:
    return found.definition if isinstance(found, ManagedCertificate) else None


async def carry_out(manager: Manager, plan: DefinitionPlan, emit: Emit) -> None:
    """Store all of it in one transaction; files get the form that their definitions ask for.

    Then what orders of removed certificates left in the DNS is removed, and orders for other
    identifiers are given up. Raises BusyError if a certificate was changed since the comparison, or
    if another process works on one that is to be removed or whose files change, and then nothing is
    kept.
    """

    def work(tx: Transaction) -> None:
        stored = {one.name: _definition(one) for one in manager.certificates.each.within(tx)}
        for change in plan.changes:
            if stored.get(change.name) != change.before:
                raise BusyError(
                    f"{change.name} was changed by somebody else in the meantime: nothing was"
                    " saved; run this again"
                )
        for name in removed:  # first: another spelling of its name may be new
            forget(tx, manager, name)
        for change in plan.changes:
            if change.after:
                manager.certificates.save.within(tx, change.after)

    removed = [change.name for change in plan.of_kind("removed")]
    with manager.home.lock_each(removed):
        async with AsyncExitStack() as files:
            for change in plan.changes:
                if change.after:
                    await files.enter_async_context(reshaped(manager, change.before, change.after))
            await manager.store.write(work)
        for name in removed:
            await give_up_orders(manager, name, emit)
    for change in plan.of_kind("changed"):
        if change.after:
            await give_up_other_orders(manager, change.after, emit)
