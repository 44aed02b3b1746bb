"""What the pages say while something keeps a home from working."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.inside import Inside
from tests.support.mounts import needs_mounts
from tests.support.old_certificate import add_old
from tests.support.web_pages import PASSWORD, WebPages, seen
from zoneproof.manager import CertificateSummary, Home
from zoneproof.manager.certificates.details import next_attempt
from zoneproof.manager.certificates.last_run import note_run, nothing_renews

NAME = "www.example.com"
DAY = 86_400


def test_that_nothing_renews_is_said(inside: Inside) -> None:
    inside.home.mkdir()
    (inside.home / "settings.toml").write_text('account = "https://127.0.0.1:9/"\n')
    assert "no renewal" not in inside.run("list").stderr
    add_old(inside, NAME)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for path in ("/", f"/certificates/{NAME}"):
            text = alice.get(path).text
            assert "Nothing renews this home" in text
            assert "no renewal has run in this home yet: start the timer" in text
        assert "All is well" not in alice.get("/").text
        told = inside.run("list", "--problems")
        assert (told.status, told.stderr.count("\n")) == (1, 1)
        assert told.stderr.startswith("zoneproof: no renewal has run in this home yet: ")
        (listed,) = json.loads(inside.run("list", "--json").stdout)
        shown = json.loads(inside.run("show", NAME, "--json").stdout)
        for found in (listed, shown):
            assert found["nothing_renews"].startswith("no renewal has run in this home yet: ")

        inside.run("renew", NAME)  # which is not all
        inside.run("edit", NAME, "--propagation=5")  # so that the failure is over
        assert "Nothing renews" in alice.get("/").text
        inside.run("renew")
        inside.run("edit", NAME, "--propagation=6")
        assert "Nothing renews" not in alice.get("/").text
        assert "no renewal" not in inside.run("list").stderr
        assert not json.loads(inside.run("list", "--json").stdout)[0]["nothing_renews"]

        before = time.time() - 2 * DAY
        os.utime(inside.home / "last-renewal", (before, before))
        assert "no renewal has run since " in alice.get("/").text
        assert "(2 days ago): start the timer" in inside.run("list").stderr


def test_only_what_a_run_would_do_is_overdue(tmp_path: Path) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    hours = [now - timedelta(hours=number) for number in range(4)]
    one = CertificateSummary(name="a", status="failing", identifiers=(), failures=1)
    for changes, is_told in (
        ({"renew_at": hours[2]}, True),
        ({"renew_at": hours[0], "next_attempt_at": hours[2]}, True),
        ({"renew_at": hours[0]}, False),  # nobody knows since when
        ({"next_attempt_at": hours[2]}, False),  # of what is not renewed
        ({"renew_at": hours[2], "status": "awaiting user"}, False),
        ({"renew_at": now + timedelta(minutes=1), "next_attempt_at": hours[2]}, False),
    ):
        found = [replace(one, **changes)]
        assert bool(nothing_renews(Home(tmp_path), found, now)) is is_told, changes
        note_run(Home(tmp_path))
        assert not nothing_renews(Home(tmp_path), found, datetime.now(UTC))
        (tmp_path / "last-renewal").unlink()


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (8, "next attempt in 8 minutes"),
        (0, "next attempt now"),
        (-8, "next attempt was due 8 minutes ago"),
    ],
)
def test_an_attempt_that_nothing_makes_was_due(minutes: int, text: str) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert next_attempt(now + timedelta(minutes=minutes), now) == text


# --- what cannot be used --------------------------------------------------------------------


def quiet(pages: WebPages) -> bool:
    """Tell whether a line was enough for the log."""
    return not [line for line in pages.server.lines if "Traceback" in line]


@pytest.mark.parametrize("content", ["paralel = 3\n", "parallel = \n"])
def test_settings_that_cannot_be_used_are_told_and_repaired(inside: Inside, content: str) -> None:
    inside.good("add", NAME, "--provider=manual")
    settings = inside.home / "settings.toml"
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        settings.write_text(content)
        for path in ("/", "/settings", f"/certificates/{NAME}", "/credentials"):
            answer = alice.get(path)
            assert (answer.status, f"{settings}" in answer.text) == (200, True), path
            assert "The settings cannot be used, so nothing can be renewed: " in answer.text
        assert "All is well" not in alice.get("/").text
        assert "Nobody is notified" not in alice.get("/notifications").text
        door = pages.stranger().get("/sign-in")
        assert (door.status, str(settings) in door.text) == (200, False)
        assert "The settings of this home cannot be used" in door.text

        refused = alice.post(f"/certificates/{NAME}/renew")
        assert (refused.status, "Nothing was done: " in refused.text) == (500, True)
        called = alice.get("/api/v1/certificates")
        assert (called.status, called.json["error"]) == (500, "storage")
        assert str(settings) in called.json["message"]

        made_from = seen(alice, "/settings")
        assert alice.post("/settings", seen=made_from, text="parallel = 3").status == 303
        assert "cannot be used" not in alice.get("/").text
        assert quiet(pages)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_settings_in_another_encoding_are_repaired(inside: Inside, encoding: str) -> None:
    settings, text = inside.home / "settings.toml", "# für alle\nparallel = 3\n"
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        settings.write_bytes(text.encode(encoding))
        page = alice.get("/settings")
        assert (page.status, "is not UTF-8 text: save it as UTF-8" in page.text) == (200, True)
        assert "# für alle\nparallel = 3" in page.text
        saved = alice.post("/settings", seen=seen(alice, "/settings"), text=text)
        assert (saved.status, settings.read_text()) == (303, text)
        assert quiet(pages)


def test_of_a_damaged_database_strangers_learn_the_kind(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for file in inside.home.glob("state.sqlite3*"):
            file.unlink()
        (inside.home / "state.sqlite3").write_bytes(b"no database" * 1000)
        for path in ("/", "/settings", "/sign-in"):
            answer = alice.get(path)
            assert (answer.status, str(inside.home) in answer.text) == (500, False)
            assert "What this server has stored cannot be read or written" in answer.text
        called = alice.get("/api/v1/certificates")
        assert (called.status, called.json["error"]) == (500, "storage")
        pages.server.wait_for_line("it is not a SQLite database: restore it from a backup")
        assert quiet(pages)


def test_without_the_vault_key_every_page_says_so(inside: Inside) -> None:
    inside.good("credential", "add", "rfc2136", "--name=dns", "--field=server=192.0.2.1")
    (inside.home / "vault.key").unlink()
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        why = "Stored secrets cannot be opened, so nothing can be renewed: "
        for path in ("/credentials", "/credentials/dns"):
            answer = alice.get(path)
            assert (answer.text.count(why), ">Used by<" in answer.text) == (1, True)
            assert "rfc2136" in answer.text
        assert quiet(pages)


@needs_mounts
def test_on_a_read_only_disk_the_pages_are_read(inside: Inside) -> None:
    inside.good("add", NAME, "--provider=manual")
    home = inside.home
    pages = WebPages(home)
    serve = shlex.join(pages.server.command)
    pages.server.command = [
        *("unshare", "--mount", "sh", "-c", f"mount --bind {home} {home} && exec {serve}")
    ]
    pages.server.is_fork = False
    with pages:
        alice = pages.administrator()
        process = str(pages.server.process.pid)
        remount = ("mount", "-o", "remount,ro,bind", str(home))
        subprocess.run(["nsenter", "--mount", "--target", process, *remount], check=True)
        for path in ("/", "/certificates", f"/certificates/{NAME}", "/settings"):
            answer = alice.get(path)
            assert (answer.status, "changed or renewed now: the database" in answer.text) == (
                200,
                True,
            )
        assert "mounted read-only" in alice.post("/users", name="victor", role="viewer").text
        door = pages.stranger().post("/sign-in", name="alice", password=PASSWORD)
        assert (door.status, str(home) in door.text) == (500, False)
        assert "What this server has stored cannot be read or written" in door.text
        called = alice.get("/api/v1/certificates")
        assert (called.status, called.json[0]["name"]) == (200, NAME)
        assert quiet(pages)
