"""Keys that expire: who is told of them when, and where it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.support.made_up import registered
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import (
    CertificateDefinition,
    Credential,
    Home,
    Manager,
    MethodDefinition,
    open_manager,
    preview,
)
from zoneproof.manager.certificates.details import details, remark, summaries
from zoneproof.manager.credentials.expiry import expiry_in_words, parse_expiry, reminder
from zoneproof.manager.credentials.key_notices import key_notices
from zoneproof.manager.notifications.notice import as_text, subject
from zoneproof.migration.archive import ArchivedCredential

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
EXPIRES = date(2027, 3, 1)


@pytest.fixture(autouse=True)
def _made_up() -> Iterator[None]:
    with registered():
        yield


async def store(manager: Manager, expires: date | None = EXPIRES) -> None:
    credential = Credential("dns", "made-up", {"token": "x"}, expires=expires)
    await manager.credentials.add(credential)
    method = MethodDefinition(credential="dns")
    definition = CertificateDefinition(
        name="example.com", identifiers=("example.com",), method=(method,)
    )
    await manager.certificates.save(definition)


async def told_days(manager: Manager, *days_before: int) -> list[int]:
    """Return at which of the days before the end something was told."""
    found = []
    for days in days_before:
        now = datetime(EXPIRES.year, EXPIRES.month, EXPIRES.day, 9, tzinfo=UTC) - timedelta(days)
        if await key_notices(manager.store, manager.credentials, now):
            found.append(days)
    return found


async def test_a_key_is_told_of_30_14_7_and_1_days_before(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        days = (40, 31, 30, 29, 15, 14, 13, 8, 7, 2, 1, 0, -5)
        assert await told_days(manager, *days) == [30, 14, 7, 1]


async def test_days_on_which_nobody_looked_are_made_up_for_once(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        assert await told_days(manager, 10, 9, -3, -4) == [10, -3]


async def test_another_day_is_told_of_anew_and_the_same_is_not(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        assert await told_days(manager, 20) == [20]
        await manager.credentials.set_expiry("dns", EXPIRES)
        assert await told_days(manager, 20) == []
        await manager.credentials.set_expiry("dns", EXPIRES - timedelta(days=1))
        assert await told_days(manager, 20) == [20]
        await manager.credentials.set_expiry("dns", None)
        assert await told_days(manager, 0) == []


async def test_the_day_is_no_reason_to_try_again_what_failed(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        before = await manager.credentials.revisions()
        await manager.credentials.set_expiry("dns", date(2028, 1, 1))
        assert (await manager.credentials.get("dns")).expires == date(2028, 1, 1)
        assert await manager.credentials.revisions() == before


async def test_a_notice_says_what_to_do(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        notices = await key_notices(manager.store, manager.credentials, NOW)
    assert subject(notices) == "credential dns: its key expires"
    assert as_text(notices) == (
        "the key for Made-Up DNS, used by example.com, expires on 2027-03-01, in 28 days: make a"
        " new one at https://made-up.example/keys and store it with 'zoneproof credential set dns"
        " --field token=@FILE --expires DATE'\n"
    )


async def test_an_archive_keeps_the_day(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        credential = await manager.credentials.get("dns")
    archived = ArchivedCredential.of(credential)
    assert msgspec.convert(msgspec.to_builtins(archived), ArchivedCredential) == archived
    assert archived.credential().expires == EXPIRES
    older = msgspec.to_builtins(archived)
    del older["expires"]
    assert msgspec.convert(older, ArchivedCredential).expires is None


async def test_list_and_show_tell_in_time(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager)
        (early,) = await summaries(manager, NOW - timedelta(days=9))
        (one,) = await summaries(manager, NOW)
        shown = await details(manager, "example.com", NOW)
    assert not early.expiring_keys
    assert one.expiring_keys == {"dns": EXPIRES}
    assert one.needs_attention
    text = "the key of the credential dns expires on 2027-03-01, in 28 days"
    assert remark(one, NOW) == "there is no certificate yet", "which comes first"
    assert remark(msgspec.structs.replace(one, problem=""), NOW) == text
    assert shown.rows(NOW, change="")["keys"] == text


async def test_preview_notes_it(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        'account = "https://127.0.0.1:9/directory"\ndns.resolvers = ["127.0.0.1:9"]\n'
    )
    soon = datetime.now(UTC).date() + timedelta(days=5)
    async with open_manager(Home(tmp_path)) as manager:
        await store(manager, soon)
        definition = (await manager.certificates.get("example.com")).definition
        (found,) = await preview(manager, [definition])
    (finding,) = [one for one in found.findings if "the key" in one.text]
    assert finding.text == f"the key of the credential dns expires on {soon}, in 5 days"
    assert not finding.is_problem


@pytest.mark.parametrize(
    ("today", "due", "text"),
    [
        (date(2027, 1, 29), None, "expires on 2027-03-01, in 31 days"),
        (date(2027, 1, 30), 30, "expires on 2027-03-01, in 30 days"),
        (date(2027, 2, 28), 1, "expires on 2027-03-01, in 1 day"),
        (date(2027, 3, 1), 1, "expires on 2027-03-01, today"),
        (date(2027, 3, 2), 1, "expired on 2027-03-01"),
    ],
)
def test_a_day_in_words(today: date, due: int | None, text: str) -> None:
    assert expiry_in_words(EXPIRES, today) == text
    assert reminder(EXPIRES, today) == due
    assert reminder(None, today) is None


@pytest.mark.parametrize("text", ["", "soon", "2027-02-30", "01.03.2027", "2027-03-01T12:00"])
def test_what_is_not_a_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a date: write it as 2027-03-01"):
        parse_expiry(text)
