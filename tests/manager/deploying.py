"""A home with one certificate and deployment tasks that note when they ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tests.support.full_home import issued
from zoneproof.issuance import Emit, Event
from zoneproof.manager import CertificateDefinition, CertificateSummary, Manager, MethodDefinition
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.renewal_state import RenewalState, after_success
from zoneproof.manager.certificates.state import CertificateState, summary_of
from zoneproof.manager.certificates.task_definition import TaskDefinition

NAME = "a.example"


def script(folder: Path, name: str, status: int = 0) -> TaskDefinition:
    """Return a task whose program notes that it ran, and how it was told of what."""
    path = folder / name
    path.write_text(
        f'#!/bin/sh\necho "{name} $ZONEPROOF_EVENT $ZONEPROOF_SERIAL" >>{folder}/ran\n'
        f"[ -e {folder}/{name}.good ] || exit {status}\n"
    )
    path.chmod(0o755)
    return TaskDefinition(task="command", name=name, fields={"command": str(path)})


class World:
    """A home with one certificate, and what its tasks did."""

    def __init__(self, manager: Manager, folder: Path) -> None:
        self.manager = manager
        self.folder = folder
        self.events: list[Event] = []

    def emit_for(self, _: str) -> Emit:
        return self.events.append

    async def define(self, *tasks: TaskDefinition, **more: Any) -> CertificateDefinition:
        method = MethodDefinition(provider="manual")
        definition = CertificateDefinition(
            name=NAME, identifiers=(NAME,), method=(method,), deploy=tasks, **more
        ).check()
        await self.manager.certificates.save(definition)
        return definition

    async def obtain(self) -> str:
        """Put a new certificate where it belongs, as of now; return its serial number."""
        made = issued(NAME)
        serial = f"{made.chain.leaf.serial_number:x}"
        self.manager.files.write(NAME, made)
        state = after_success(RenewalState(), serial, datetime.now(UTC), identifiers=(NAME,))
        await self.manager.states.set_renewal(NAME, state)
        return serial

    @property
    def ran(self) -> list[str]:
        """What the programs noted: name, event and serial number."""
        path = self.folder / "ran"
        return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []

    async def summary(self) -> CertificateSummary:
        facts = await self.manager.circumstances()
        found = await self.manager.certificates.get(NAME)
        return summary_of(found, self.manager.files, datetime.now(UTC), facts)

    async def history(self) -> list[tuple[str, str]]:
        return [(one.kind, one.message) for one in await self.manager.history.of(NAME)]

    async def let_pass(self, minutes: int) -> None:
        """Make everything that was remembered so much older."""

        def older(state: CertificateState) -> CertificateState:
            def age(one: NotDeployed) -> NotDeployed:
                assert one.next_attempt_at
                at = one.next_attempt_at - timedelta(minutes=minutes)
                return msgspec.structs.replace(one, next_attempt_at=at)

            left = {name: age(one) for name, one in state.not_deployed.items()}
            return msgspec.structs.replace(state, not_deployed=left)

        await self.manager.certificates.change_state(NAME, CertificateState, older)
