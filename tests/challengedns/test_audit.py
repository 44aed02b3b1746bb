"""The service's audit log: who did what, in the transaction in which it was done, and bounded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations
from zoneproof.challengedns.store import audit
from zoneproof.challengedns.store.audit import (
    KEEP_OF_STRANGERS,
    KEEP_OF_TENANT,
    KEEP_SECONDS,
    SERVICE,
    Actor,
    ServiceAudit,
    ServiceAuditEntry,
    holder_of,
    stranger,
)
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.core.errors import RegistrationError
from zoneproof.storage import Transaction

NOW = 1_802_000_000.0
OPERATOR = Actor("command line (alice)")
TEAM_KEY = LicenceKey("3f9a01bc", "team", "", 0)
DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock(now=NOW)


@pytest.fixture
def operator(opened: OpenRegistrations) -> OpenRegistrations:
    return OpenRegistrations(opened.database, opened.rules.by(OPERATOR))


async def told(opened: OpenRegistrations, text: str = "") -> list[tuple[str, str, str]]:
    """Return what is in the log, the oldest first: action, subject, tenant."""
    found = await opened.database.read(lambda tx: audit.entries(tx, text=text))
    assert all(one.result == "ok" for one in found)
    return [(one.action, one.subject, one.tenant) for one in reversed(found)]


async def of_tenant(
    opened: OpenRegistrations, tenant: str, text: str = ""
) -> list[ServiceAuditEntry]:
    since = (await opened.tenants.get(tenant)).created_at
    return await opened.database.read(
        lambda tx: audit.entries_for(tx, tenant, since, text=text, limit=1000)
    )


async def test_tenants_and_keys_are_told_with_what_changed_and_without_secrets(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    tenants = operator.tenants
    await tenants.create("team", quota=5)
    key = await tenants.create_key("team", note="web servers")
    own = await tenants.create_key(None)
    await tenants.alter("team", lambda known: replace(known, quota=7, expires_at=int(NOW) + DAY))
    await tenants.alter("team", lambda known: replace(known, disabled=True))
    await tenants.alter("team", lambda known: known)
    await tenants.revoke_key(key.id)
    await tenants.delete("team")
    assert await told(opened) == [
        ("tenant create", "team: quota 5, last day never", "team"),
        ("key create", f"{key.id} (web servers)", "team"),
        ("key create", f"{own.id}, the operator's", ""),
        ("tenant change", "team: quota 7 (was 5), last day 2027-02-08 (was never)", "team"),
        ("tenant disable", "team", "team"),
        ("key revoke", f"{key.id} (web servers)", "team"),
        ("tenant delete", "team", "team"),
    ]
    entries = await opened.database.read(audit.entries)
    assert {one.who for one in entries} == {"command line (alice)"}
    assert key.key not in repr(entries)


async def test_registrations_are_told_with_what_changed_and_without_secrets(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    for name in ("team", "other"):
        await opened.tenants.create(name)
    made = await operator.register(note="www.example.com", tenant="team")
    name = f"{made.subdomain} (www.example.com)"
    rotated = await operator.rotate(made.subdomain)
    await operator.set_note(made.subdomain, "shop.example.com")
    named = f"{made.subdomain} (shop.example.com)"
    await operator.set_allowfrom(made.subdomain, ["192.0.2.0/24"])
    await operator.set_disabled(made.subdomain, True)
    await operator.set_disabled(made.subdomain, True)
    await operator.publish(made.subdomain, "x" * 43)
    await operator.assign([made.subdomain], "other")
    await operator.delete(made.subdomain)
    assert await told(opened) == [
        ("registration create", name, "team"),
        ("registration rotate", name, "team"),
        ("registration change", f"{name}: note 'shop.example.com'", "team"),
        ("registration change", f"{named}: updates from 192.0.2.0/24", "team"),
        ("registration disable", named, "team"),
        ("registration assign", f"1 registration to other: {named}", "other"),
        ("registration assign", f"1 registration to another: {named}", "team"),
        ("registration delete", named, "other"),
    ]
    everything = repr(await opened.database.read(audit.entries))
    assert made.password not in everything
    assert rotated not in everything


async def test_many_that_are_assigned_at_once_are_one_entry(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    await opened.tenants.create("team")
    made = [await opened.register() for _ in range(40)]
    await operator.assign([one.subdomain for one in made[:30]], "team")
    await operator.assign_all_without_tenant("team")
    (_, some, _), (_, rest, _) = await told(opened)
    assert some.startswith("30 registrations to team: ")
    assert len(some) <= 500
    assert rest == "10 registrations to team: all that had no tenant"


async def test_what_is_refused_and_what_nobody_in_particular_does_is_not_there(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    await opened.tenants.create("team", quota=0)
    with pytest.raises(RegistrationError):
        await operator.register(tenant="team")
    with pytest.raises(RegistrationError):
        await operator.tenants.create("team")
    await opened.register()

    def fails(tx: Transaction) -> None:
        operator.rules.tenants.create(tx, "shop")
        raise RegistrationError("not so", code="forbidden")

    with pytest.raises(RegistrationError):
        await opened.database.write(fails)
    assert await told(opened) == []


async def test_a_tenant_sees_what_concerns_it_and_not_who_works_for_the_operator(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    session = Actor("operator, session of key aaaaaaaa", "192.0.2.1")
    await OpenRegistrations(opened.database, opened.rules.by(session)).tenants.create("team")
    await operator.tenants.create("other")
    actor = holder_of(TEAM_KEY, "203.0.113.9", by_session=True)
    own = OpenRegistrations(opened.database, opened.rules.by(actor))
    await own.register(tenant="team")
    mine, theirs = await of_tenant(opened, "team")
    assert (mine.who, mine.address) == ("team, session of key 3f9a01bc", "203.0.113.9")
    assert (theirs.action, theirs.who, theirs.address) == ("tenant create", "operator", "")
    for text in ("aaaaaaaa", "192.0.2", "other", "alice"):
        assert await of_tenant(opened, "team", text) == []
    assert len(await of_tenant(opened, "team", "OPERATOR")) == 1
    assert len(await told(opened, "aaaaaaaa")) == 1


async def test_a_new_tenant_of_an_old_name_does_not_see_what_was_before(
    opened: OpenRegistrations, operator: OpenRegistrations, clock: Clock
) -> None:
    await operator.tenants.create("team")
    await operator.tenants.delete("team")
    clock.now += 1
    await operator.tenants.create("team", quota=9)
    (only,) = await of_tenant(opened, "team")
    assert "quota 9" in only.subject


async def test_nobody_pushes_out_what_others_did(
    opened: OpenRegistrations, operator: OpenRegistrations, clock: Clock
) -> None:
    await operator.tenants.create("team")
    own = ServiceAudit(holder_of(TEAM_KEY, "203.0.113.9"), clock)
    outside = ServiceAudit(stranger("198.51.100.1"), clock)

    def fill(tx: Transaction) -> None:
        authors = ["team"] * KEEP_OF_TENANT + ["?"] * KEEP_OF_STRANGERS
        for number, author in enumerate(authors, start=2):
            tx.execute(
                "INSERT INTO challenge_audit (number, at, who, address, action, subject, result,"
                " tenant, author) VALUES (?, ?, '', '', 'old', '', 'ok', '', ?)",
                [number, int(NOW), author],
            )
        for number in range(10):
            own.note(tx, "registration rotate", str(number), tenant="team")
            outside.note(tx, "sign in", str(number), result="refused")

    await opened.database.write(fill)
    found = await opened.database.read(lambda tx: audit.entries(tx, limit=10_000))
    assert len(found) == KEEP_OF_TENANT + KEEP_OF_STRANGERS + 1
    assert found[-1].action == "tenant create"
    assert [one.subject for one in found[:2]] == ["9", "9"]
    assert sum(one.action == "old" for one in found) == len(found) - 21
    numbers = [one.number for one in found]
    assert numbers == sorted(set(numbers), reverse=True)


async def test_pages_follow_each_other_whatever_is_written_meanwhile(
    opened: OpenRegistrations, clock: Clock
) -> None:
    service = ServiceAudit(SERVICE, clock)

    def note(tx: Transaction) -> None:
        service.note(tx, "configuration reload")

    for _ in range(5):
        await opened.database.write(note)
    seen: list[int] = []
    before = None
    while page := await opened.database.read(
        partial(audit.entries, before=before, limit=2),
    ):
        seen += [one.number for one in page]
        before = page[-1].number
        await opened.database.write(note)
    assert seen == [5, 4, 3, 2, 1]


async def test_what_is_too_old_goes_and_numbers_rise_all_the_same(
    opened: OpenRegistrations, operator: OpenRegistrations, clock: Clock
) -> None:
    await operator.tenants.create("team")
    clock.now += KEEP_SECONDS - 10
    await operator.tenants.delete("team")
    clock.now += 20
    while await opened.database.write(opened.rules.sweep):
        pass
    assert [action for action, _, _ in await told(opened)] == ["tenant delete"]
    await operator.tenants.create("shop")
    found = await opened.database.read(audit.entries)
    assert [one.number for one in found] == [3, 2]


async def test_what_others_write_is_one_printable_line(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    await opened.database.write(
        lambda tx: operator.rules.audit.note(tx, "key create", "a\x1b[31m\n\u202eb" + "c" * 1000)
    )
    ((_, subject, _),) = await told(opened)
    assert subject.isprintable()
    assert len(subject) == 500


async def test_a_text_is_found_wherever_it_stands_and_is_no_pattern(
    opened: OpenRegistrations, operator: OpenRegistrations
) -> None:
    await operator.tenants.create_key(None, note="100% Ärzte")
    await operator.tenants.create_key(None, note="backup")
    for text, count in (
        ("KEY", 2),
        ("100%", 1),
        ("Ärzte", 1),
        ("0_0", 0),
        ("%", 1),
        ("Alice", 2),
        ("\0", 0),
    ):
        assert len(await told(opened, text)) == count, text
    assert await opened.database.read(lambda tx: audit.entries(tx, tenant="\0")) == []
