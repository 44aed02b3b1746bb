"""Users, links, roles and the audit log, as the command line and the pages have them."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.inside import Inside
from tests.support.web_pages import PASSWORD, Client, WebPages, seen
from zoneproof.manager import Home, open_manager
from zoneproof.manager.people import audit

ADD = ("add", "a.example", "--provider", "manual")


def audited(pages: WebPages, client: Client, text: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/audit?q={quote(text)}")
    found: list[dict[str, Any]] = answer.json
    return found


def test_a_user_of_the_command_line_opens_the_link_and_has_the_role(
    inside: Inside, tmp_path: Path
) -> None:
    with WebPages(inside.home) as pages:
        pages.administrator()
        added = json.loads(
            inside.good(
                "web", "user", "add", "olga", "--role=operator", "--json", f"--url={pages.url}"
            )
        )
        assert added["link"].startswith(f"{pages.url}/welcome?token=")
        client = Client(pages.url)
        token = added["link"].partition("token=")[2]
        short = client.post("/welcome", token=token, password="short", again="short")
        assert (short.status, "at least 10 characters" in short.text) == (400, True)
        differ = client.post("/welcome", token=token, password=PASSWORD, again=f"{PASSWORD}!")
        assert (differ.status, "differ" in differ.text) == (400, True)
        assert client.post("/welcome", token=token, password=PASSWORD, again=PASSWORD).status == 303
        assert "operator" in client.get("/").text
        listed = json.loads(inside.good("web", "user", "list", "--json"))
        assert [(one["name"], one["role"], one["has_password"]) for one in listed] == [
            ("alice", "administrator", True),
            ("olga", "operator", True),
        ]
        # Another link ends the session as soon as it is used.
        again = json.loads(inside.good("web", "user", "link", "olga", "--json"))
        token = again["link"].partition("token=")[2]
        assert client.get("/").status == 200
        other = Client(pages.url)
        assert other.post("/welcome", token=token, password=PASSWORD, again=PASSWORD).status == 303
        assert client.get("/").status == 303
        inside.good("web", "user", "remove", "olga", "--yes")
        assert other.get("/").status == 303


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "a b"), "not a valid user name"),
        (("link", "nobody"), "there is no user 'nobody'"),
        (("remove", "nobody", "--yes"), "there is no user 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(inside: Inside, arguments: tuple[str, ...], told: str) -> None:
    result = inside.run("web", "user", *arguments)
    assert result.status == 2
    assert told in result.stderr


def test_a_name_is_given_once(inside: Inside) -> None:
    inside.good("web", "user", "add", "olga")
    assert "already exists" in inside.run("web", "user", "add", "olga").stderr


def test_only_the_first_start_prints_a_link(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        assert "/welcome?token=" in pages.link
    with WebPages(inside.home) as pages:  # nobody has used it, so there is another
        assert "/welcome?token=" in pages.link
        pages.administrator()
    with WebPages(inside.home) as pages:
        assert pages.link == f"{pages.url}/"


def test_the_audit_log_tells_what_the_command_line_did(inside: Inside) -> None:
    inside.good(*ADD)
    inside.good("list")
    inside.run("remove", "b.example", "--yes")
    inside.run("credential", "add", "cloudflare", "--field", "api_token=very-secret", "--no-test")
    inside.run("renew")
    with WebPages(inside.home) as pages:
        entries = audited(pages, pages.administrator(), "command line")
    told = [(one["action"], one["subject"], one["result"]) for one in reversed(entries)]
    assert told[0] == ("add", "a.example", "ok")
    assert told[1][:2] == ("remove", "b.example")
    assert told[1][2].startswith("there is no managed certificate")
    assert told[2] == ("credential add", "cloudflare", "ok")
    assert len(told) == 3  # what only looks, and what a timer runs, is not there
    assert all(one["who"].startswith("command line (") for one in entries)
    assert "very-secret" not in json.dumps(entries)


def test_the_audit_log_tells_what_the_pages_did_and_what_they_refused(inside: Inside) -> None:
    inside.good(*ADD)
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        administrator.post("/certificates/a.example/definition", names="", renew="yes")
        toml = '[[certificate]]\nname = "a.example"\nidentifiers = ["a.example", "b.example"]\n'
        method = '[[certificate.method]]\nprovider = "manual"\n'
        path = "/certificates/a.example/definition/toml"
        unseen = administrator.post(path, toml=toml + method)
        assert (unseen.status, "nothing was saved" in unseen.text) == (400, True)
        revision = seen(administrator, "/certificates/a.example/definition")
        assert administrator.post(path, toml=toml + method, seen=revision).status == 303
        administrator.post("/remove-certificates", name="a.example")
        entries = audited(pages, administrator, "a.example")
    told = [(one["who"], one["action"], one["subject"], one["result"]) for one in entries]
    assert told[0] == ("alice", "remove", "a.example", "ok")
    assert told[1][:2] == ("alice", "edit")
    assert "b.example" in told[1][2]
    assert told[2][3] != "ok"
    assert told[3][3] != "ok"
    assert all(one["address"] == "127.0.0.1" for one in entries if one["who"] == "alice")


def test_who_signs_in_hears_of_attempts_that_failed(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        administrator.post("/sign-out")
        for _ in range(2):
            assert administrator.post("/sign-in", name="alice", password="wrong").status == 401
        answer = administrator.post("/sign-in", name="alice", password=PASSWORD)
        assert answer.status == 303
        assert "2 attempts with your name failed" in administrator.get("/").text
        assert "attempts with your name" not in administrator.get("/").text  # told once


def test_what_is_refused_of_a_user_or_a_token_is_still_there(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        user = alice.post("/users", name="olga smith", role="operator").text
        assert 'value="olga smith" required' in user
        assert '<option value="operator" selected>' in user
        assert 'id="token-name" name="name" value="" required' in user
        token = alice.post("/tokens", name="deploy", role="operator", days="9999").text
        assert 'id="token-name" name="name" value="deploy" required' in token
        assert "<option selected>operator</option>" in token.partition('id="token-role"')[2]
        assert 'max="3650" value="9999"' in token
        assert 'name="name" type="text" value="" required' in token


def test_settings_are_saved_if_they_can_be_used(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        known = seen(administrator, "/settings")
        wrong = administrator.post("/settings", text="paralel = 5", seen=known)
        assert wrong.status == 400
        assert "paralel" in wrong.text
        assert not (inside.home / "settings.toml").exists()
        assert administrator.post("/settings", text="parallel = 5", seen=known).status == 303
        assert (inside.home / "settings.toml").read_text() == "parallel = 5\n"
        assert (inside.home / "settings.toml").stat().st_mode & 0o777 == 0o600
        assert "<dd>5</dd>" in administrator.get("/settings").text


def test_settings_that_somebody_else_changed_are_not_overwritten(inside: Inside) -> None:
    settings = inside.home / "settings.toml"
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        settings.write_text("parallel = 5\n")
        opened = seen(administrator, "/settings")
        settings.write_text('parallel = 5\nemail = "a@example.com"\n')
        late = administrator.post("/settings", text="parallel = 6", seen=opened)
        assert (late.status, "changed by somebody else" in late.text) == (400, True)
        assert "parallel = 6</textarea>" in late.text
        assert "a@example.com" in settings.read_text()
        (now,) = re.findall(r'name="seen" value="(\w+)"', late.text)
        assert administrator.post("/settings", text="parallel = 6", seen=now).status == 303
        assert settings.read_text() == "parallel = 6\n"


def test_a_form_that_lacks_its_field_empties_nothing(inside: Inside) -> None:
    settings = inside.home / "settings.toml"
    inside.good(
        "credential",
        "add",
        "acme-dns",
        "--field=server=https://a.example",
        "--name=dns",
        "--expires=2030-01-01",
        "--no-test",
    )
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        settings.write_text("parallel = 5\n")
        answer = administrator.post("/settings", seen=seen(administrator, "/settings"))
        assert (answer.status, "lacks the field" in answer.text) == (400, True)
        assert settings.read_text() == "parallel = 5\n"
        assert administrator.post("/credentials/dns").status == 400
        assert "2030" in inside.good("credential", "show", "dns")


def test_without_the_extra_the_command_says_what_to_install(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "-m", "zoneproof", "web"],
        env={"PYTHONPATH": str(tmp_path), "ZONEPROOF_HOME": str(inside.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "bin/pip install '.[web]' in Zoneproof's folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_somebody_changes_the_password_and_ends_sessions(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        elsewhere = Client(pages.url)
        elsewhere.post("/sign-in", name="alice", password=PASSWORD)
        new = f"{PASSWORD} staple"
        wrong = alice.post("/me/password", present="wrong", password=new, again=new)
        assert (wrong.status, "present password is wrong" in wrong.text) == (400, True)
        assert alice.post("/me/password", present=PASSWORD, password=new, again=new).status == 303
        assert elsewhere.get("/").status == 303  # it is signed out, too
        assert alice.post("/sign-in", name="alice", password=new).status == 303
        victor = pages.user(alice, "victor", "viewer")
        (own,) = re.findall(r"/me/sessions/([\w-]+)/end", alice.get("/me").text)
        victor.post(f"/me/sessions/{own}/end")
        assert alice.get("/").status == 200  # which is not victor's to end
        alice.post(f"/me/sessions/{own}/end")
        assert alice.get("/").status == 303


def test_a_link_ends_when_the_password_is_changed_otherwise(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        made = alice.submit("/users/alice/link").text.partition("/welcome?token=")[2]
        link = re.match(r"[\w-]+", made)
        assert link
        new = f"{PASSWORD} anew"
        changed = alice.post("/me/password", present=PASSWORD, password=new, again=new)
        assert changed.status == 303
        finder = pages.stranger()
        taken = finder.post("/welcome", token=link[0], password=PASSWORD, again=PASSWORD)
        assert "this link was used already or is too old" in taken.text
        assert finder.get("/").headers["Location"].startswith("/sign-in")


def test_a_token_of_the_command_line(inside: Inside) -> None:
    made = json.loads(
        inside.good("web", "token", "add", "ci", "--role=viewer", "--days=7", "--json")
    )
    secret = made["token"]
    assert made == {"name": "ci", "token": secret}
    (listed,) = json.loads(inside.good("web", "token", "list", "--json"))
    assert (listed["name"], listed["role"]) == ("ci", "viewer")
    assert secret not in json.dumps(listed)
    with WebPages(inside.home) as pages:
        program = Client(pages.url, headers={"Authorization": f"Bearer {secret}"})
        assert program.get("/api/v1/certificates").json == []
        inside.good("web", "token", "remove", "ci", "--yes")
        assert program.get("/api/v1/certificates").status == 401
    assert "there is no token 'ci'" in inside.run("web", "token", "remove", "ci", "--yes").stderr
    assert "there is no token 'ci'" in inside.run("web", "token", "remove", "ci").stderr
    assert "there is no user 'ci'" in inside.run("web", "user", "remove", "ci").stderr


def test_the_method_and_the_tasks_of_a_certificate_are_changed_in_forms(inside: Inside) -> None:
    inside.good(*ADD)
    fields = ("--field=server=192.0.2.1", "--no-test")
    inside.good("credential", "add", "rfc2136", "--name=dns", *fields)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        at = "/certificates/a.example"
        given = {"names": "a.example", "renew": "yes", "key_type": "ec384"}
        method = {"method": "0", "method.0.way": "credential:dns", "method.0.follow_cname": "yes"}
        given |= method | {"seen": seen(alice, f"{at}/definition")}
        chosen = alice.post(f"{at}/definition", None, **given)
        assert chosen.status == 303, chosen.text
        wrong = alice.post(f"{at}/new-task", None, kind="copy", **{"field.fullchain": "relative"})
        assert (wrong.status, "absolute" in wrong.text) == (400, True)
        site = {"field.fullchain": "/srv/site.pem", "field.key": "/srv/../srv/site.pem"}
        twice = alice.post(f"{at}/new-task", None, kind="copy", **site)
        assert (twice.status, "give each a path of its own" in twice.text) == (400, True)
        key = "whsec_dmVyeS1zZWNyZXQtdmVyeS1zZWNyZXQtdmVyeQ=="
        url = {"field.url": "https://hook.example/", "field.secret": key}
        task = {"kind": "webhook", "called": "hook", **url}
        assert alice.post(f"{at}/new-task", None, **task).status == 303
        definition = json.loads(inside.good("show", "a.example", "--json"))["definition"]
        assert definition["method"] == [{"credential": "dns"}]
        assert definition["key_type"] == "ec384"
        assert [one["name"] for one in definition["deploy"]] == ["hook"]
        assert key not in json.dumps(definition)
        assert key not in alice.get(f"{at}/deployment").text
        assert alice.post(f"{at}/new-task", None, **task).status == 400  # the name is taken
        copied = {"field.fullchain": "/srv/site.pem", "field.owner": "nobodyy"}
        note = alice.submit(f"{at}/new-task", None, kind="copy", **copied).text
        assert "the task copy would fail: there is no user &#39;nobodyy&#39;" in note
        copied |= {"called": "copy", "when": "issued", "seen": seen(alice, f"{at}/task?task=copy")}
        copied["field.owner"] = "nobodyyy"
        note = alice.submit(f"{at}/task", None, **copied).text
        assert "there is no user &#39;nobodyyy&#39;" in note
        toml = inside.good("list", "--toml").replace("nobodyyy", "nobodyyyy")
        opened = seen(alice, f"{at}/definition")
        note = alice.submit(f"{at}/definition/toml", None, toml=toml, seen=opened).text
        assert "there is no user &#39;nobodyyyy&#39;" in note
        assert alice.post(f"{at}/remove-task", task="copy").status == 303
        assert alice.post(f"{at}/remove-task", task="hook").status == 303
        definition = json.loads(inside.good("show", "a.example", "--json"))["definition"]
        assert "deploy" not in definition


def test_when_nothing_can_be_written_the_pages_can_be_read(inside: Inside) -> None:
    secret = inside.good("web", "token", "add", "ci", "--role=viewer").strip()
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        program = Client(pages.url, headers={"Authorization": f"Bearer {secret}"})
        with closing(sqlite3.connect(inside.home / "state.sqlite3")) as database, database:
            long_ago = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="milliseconds")
            database.execute("UPDATE sessions SET seen_at = ?", (long_ago,))
            for table in ("sessions", "api_tokens"):
                full = "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
                database.execute(f"CREATE TRIGGER full_{table} BEFORE UPDATE ON {table} {full}")
        assert alice.get("/").status == 200
        assert program.get("/api/v1/certificates").status == 200


def test_strangers_are_told_nothing_of_the_machine(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        database, kept = inside.home / "state.sqlite3", inside.home / "kept"
        kept.mkdir()
        for file in inside.home.glob("state.sqlite3*"):
            file.rename(kept / file.name)
        database.write_bytes(b"no database" * 1000)
        for path in ("/sign-in", "/api/v1/certificates", "/providers/%0aforged"):
            answer = pages.stranger().get(path)
            assert (answer.status, "log" in answer.text) == (500, True)
            assert "SQLite" not in answer.text
            assert str(inside.home) not in answer.text
        for file in kept.iterdir():
            file.replace(inside.home / file.name)
        assert pages.stranger().get("/sign-in").status == 200
        assert [line for line in pages.server.lines if "not a SQLite database" in line]
        assert not [line for line in pages.server.lines if line.startswith("forged")]


def test_a_link_is_as_the_browser_reaches_the_pages(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice, host = pages.administrator(), pages.url.removeprefix("http://")
        for origin, scheme in (
            ("", "http"),
            (f"http://{host}", "http"),
            (f"https://{host}", "https"),
            (f"https://{host}.evil.example", "http"),
        ):
            headers = {"Origin": origin} if origin else {}
            page = alice.submit("/users/alice/link", headers).text
            assert f"<code>{scheme}://{host}/welcome?token=" in page


def test_a_page_with_a_secret_that_is_loaded_again_makes_no_other(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for path, fields in (
            ("/users", {"name": "olga", "role": "viewer"}),
            ("/users/olga/link", {}),
            ("/tokens", {"name": "ci", "role": "viewer", "days": "7"}),
        ):
            text = alice.submit(path, None, **fields).text
            (secret,) = re.findall(r'<div class="record"><code>([^<]+)</code>', text)
            again = alice.get("/users").text
            assert (secret in again, '<div class="record">' in again) == (False, False)
        token = secret
        known = alice.send(
            "GET", "/api/v1/certificates", headers={"Authorization": f"Bearer {token}"}
        )
        assert known.status == 200


def test_tokens_that_outlive_who_made_them_are_named(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        olga = pages.user(alice, "olga", "administrator")
        olga.post("/tokens", name="of-olga", role="administrator", days="7")
        alice.post("/tokens", name="of-alice", role="viewer", days="7")
        assert alice.post("/users/olga/remove").status == 303
        told = alice.get("/users").text
        assert "API tokens of theirs still work: of-olga." in told


def test_the_audit_log_continues_among_entries_of_the_same_millisecond(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        administrator = pages.administrator()
        many = [(f"id-{number}", "2026-11-29T12:00:00.000+00:00", number) for number in range(250)]
        with closing(sqlite3.connect(inside.home / "state.sqlite3")) as database, database:
            database.executemany(
                "INSERT INTO audit (id, at, who, address, action, subject, result)"
                " VALUES (?, ?, 'many', '', 'wrote', 'entry ' || ?, 'ok')",
                many,
            )
        newest_first = [f"entry {number}" for number in reversed(range(250))]
        query, told, sizes = "", [], []
        while entries := administrator.get(f"/api/v1/audit?q=entry{query}").json:
            told += [one["subject"] for one in entries]
            sizes.append(len(entries))
            query = f"&before={quote(entries[-1]['at'])}&number={entries[-1]['number']}"
        assert (told, sizes) == (newest_first, [100, 100, 50])
        # By a time alone, as before there were numbers.
        at = quote(many[0][1])
        assert administrator.get(f"/api/v1/audit?q=entry&before={at}").json == []
        assert administrator.get(f"/api/v1/audit?before={at}&number=-1").status == 400
        shown: list[str] = []
        links = ["/audit?q=entry"]
        while links:
            text = administrator.get(links[0]).text
            shown += re.findall(r"</b> (entry \d+)<", text)
            links = [unescape(one) for one in re.findall(r'<a href="([^"]*)">Older', text)]
        assert shown == newest_first
        assert administrator.get("/audit?q=entry&before=2030&number=x").status == 200


async def test_a_link_ends_the_passkeys_of_before(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        users, passkeys = manager.people.users, manager.people.passkeys
        for name in ("olga", "victor"):
            await passkeys.add(await users.add(name, "operator"), name, "key", 0, "laptop")
        secret = await users.add_link("olga", "operator")
        assert len(await passkeys.of("olga")) == 1
        await users.use_link(secret, "olga", "hash")
        assert await passkeys.of("olga") == []
        assert len(await passkeys.of("victor")) == 1


async def test_the_audit_log_keeps_the_newest_of_the_same_millisecond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "now_text", lambda: "2026-11-29T12:00:00.000+00:00")
    monkeypatch.setattr(audit, "KEEP", 3)
    async with open_manager(Home(tmp_path)) as manager:
        for number in range(5):
            await manager.people.audit.add("many", f"wrote {number}")
        kept = await manager.people.audit.latest()
    assert [one.action for one in kept] == ["wrote 4", "wrote 3", "wrote 2"]


async def test_sign_ins_that_fail_push_out_only_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "KEEP", 5)
    monkeypatch.setattr(audit, "KEEP_OF_FAILED", 2)
    async with open_manager(Home(tmp_path)) as manager:
        log = manager.people.audit
        for number in range(3):
            await log.add("alice", f"did {number}")
        for number in range(9):
            await log.add("somebody", audit.SIGN_IN_FAILED, f"name {number}")
        await log.add("alice", "did 3")
        kept = await log.latest()
    told = [one.subject or one.action for one in reversed(kept)]
    assert told == ["did 1", "did 2", "name 7", "name 8", "did 3"]
