"""What is known of a certificate: that on disk beside what is stored and what is defined."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.cli.inside import Inside
from tests.support.full_home import TASK, UNDEPLOYED, fill, issued, not_deployed
from zoneproof.manager import Home, open_manager
from zoneproof.manager.certificates.definition import CertificateDefinition, MethodDefinition
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.renewal_state import RenewalState, after_success
from zoneproof.manager.certificates.state import CertificateState, CertificateStatus, status_of
from zoneproof.manager.certificates.store import ManagedCertificate

NOW = datetime.now(UTC)
NAME = "a.example"
ADDED = "www.a.example"  # by the CA, which not all refuse to do


def found(
    home: Path,
    *,
    on_certificate: Sequence[str],
    obtained_for: Sequence[str],
    defined: Sequence[str],
    revoked_at: datetime | None = None,
) -> CertificateStatus:
    """Return the standing of a certificate obtained an hour ago."""
    files = CertificateFiles(home)
    made = issued(*on_certificate)
    files.write(NAME, made)
    serial = f"{made.chain.leaf.serial_number:x}"
    renewal = after_success(
        CertificateState().renewal, serial, NOW - timedelta(hours=1), identifiers=obtained_for
    )
    renewal = msgspec.structs.replace(renewal, revoked_at=revoked_at)
    state = msgspec.json.encode(CertificateState(renewal=renewal))
    definition = CertificateDefinition(name=NAME, identifiers=tuple(defined))
    return status_of(ManagedCertificate("1", definition, state), files, NOW)


async def test_what_is_not_deployed_is_kept_whatever_else_is_remembered(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path / "home")) as manager:
        method = MethodDefinition(provider="manual")
        definition = CertificateDefinition(
            name=NAME, identifiers=(NAME,), method=(method,), deploy=(TASK,)
        )
        await manager.certificates.save(definition)
        await manager.certificates.change_state(NAME, CertificateState, not_deployed)
        await manager.states.set_awaiting(NAME, ("a record",))
        await manager.states.set_renewal(NAME, RenewalState(failures=1))
        await manager.states.set_outcome(NAME, RenewalState())
        manager.files.write(NAME, issued(NAME))
        await manager.certificates.save(msgspec.structs.replace(definition, key_type="ec384"))
        stored = await manager.certificates.get(NAME)
        summary = status_of(stored, manager.files, NOW).overview()
    assert summary.status == "not deployed"
    assert summary.not_deployed == {"web": UNDEPLOYED}
    assert summary.needs_attention


def test_what_is_not_deployed_is_shown(inside: Inside) -> None:
    asyncio.run(fill(inside.home))
    told = json.loads(inside.good("show", "b.example", "--json"))["not_deployed"]
    assert told == {
        "web": {
            "since": "2026-11-01T00:00:00Z",
            "attempts": 2,
            "last_error": "the reload failed",
            "next_attempt_at": "2026-11-02T00:00:00Z",
            "task": "",
            "credential": "",
        }
    }
    text = inside.good("show", "b.example")
    assert "web since 2026-11-01 00:00 UTC; attempt 2 failed: the reload failed" in text
    of_all = {one["name"]: one["not_deployed"] for one in json.loads(inside.good("list", "--json"))}
    assert of_all == {"a.example": {}, "b.example": told}


@pytest.mark.parametrize(
    ("on_certificate", "obtained_for", "defined", "is_due"),
    [
        ([NAME], [NAME], [NAME], False),
        ([NAME, ADDED], [NAME], [NAME], False),
        ([NAME, ADDED], [NAME, ADDED], [NAME], True),
        ([NAME], [NAME], [NAME, ADDED], True),
        ([NAME, ADDED], [NAME], [NAME, ADDED], True),
        ([NAME], [], [NAME], False),
        ([NAME, ADDED], [], [NAME], True),
    ],
    ids=[
        "as defined",
        "a name that the CA added",
        "a name fewer is defined",
        "a name more is defined",
        "the added name is defined too",
        "obtained elsewhere",
        "obtained elsewhere for more",
    ],
)
def test_a_certificate_is_due_when_its_names_were_changed_and_not_when_the_ca_added_some(
    tmp_path: Path,
    on_certificate: list[str],
    obtained_for: list[str],
    defined: list[str],
    is_due: bool,
) -> None:
    status_of = found(
        tmp_path, on_certificate=on_certificate, obtained_for=obtained_for, defined=defined
    )
    assert status_of.due.now is is_due
    assert status_of.due.reason == ("its names were changed" if is_due else "")


def test_a_revoked_certificate_is_due_and_says_so(tmp_path: Path) -> None:
    status_of = found(
        tmp_path, on_certificate=[NAME], obtained_for=[NAME], defined=[NAME], revoked_at=NOW
    )
    assert status_of.due.now
    assert status_of.due.reason.startswith("it was revoked at ")
    overview = status_of.overview()
    assert overview.status == "revoked"
    assert overview.needs_attention
