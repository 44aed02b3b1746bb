"""Deployment by the command line: what is done and told, exit codes, and real renewals."""

from __future__ import annotations

import errno
import json
import sqlite3
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.cli.inside import Inside
from tests.cli.managing import issue, leaf
from tests.deployment.occasions import program
from tests.support.full_home import issued
from tests.support.peers.web_servers import NginxServer
from tests.support.world import World
from zoneproof.deployment import Occasion, describe_task, task_kinds
from zoneproof.manager import CertificateDefinition, Home, open_manager
from zoneproof.manager.certificates.deployments import deploy_left, plan_tasks
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.task_definition import TaskDefinition


def test_what_is_stored_already_and_overwrites_itself_is_not_deployed(
    inside: Inside, tmp_path: Path
) -> None:
    site = tmp_path / "site.pem"
    site.write_text("old")
    inside.good("add", "a.example", "--provider=manual", f"--deploy=copy:fullchain={site}")
    CertificateFiles(inside.home).write("a.example", issued("a.example"))
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute(
            "UPDATE certificates SET definition = replace(definition, ?, ?)",
            (f'"fullchain":"{site}"', f'"fullchain":"{site}","key":"{site}"'),
        )
    why = (
        f"{site} is to be written by the task copy (fullchain) and by the task copy (key):"
        " give each a path of its own\n"
    )
    assert inside.run("deploy", "a.example", "--dry-run").stdout.endswith(why)
    assert f"not deployed: copy: {why}" in inside.run("deploy", "a.example").stderr
    assert site.read_text() == "old"
    assert not list(tmp_path.glob(".site*"))
    inside.good("edit", "a.example", f"--deploy=copy:fullchain={site},key={tmp_path}/key.pem")
    inside.good("deploy", "a.example")


def test_a_file_system_that_is_read_only_is_told_in_a_line(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "td"
    to.mkdir()
    (to / "c.pem").write_text("old")
    copy = f"--deploy=copy:fullchain={to}/c.pem,key={to}/d.pem"
    inside.good("add", "a.example", "--provider=manual", copy)
    CertificateFiles(inside.home).write("a.example", issued("a.example"))

    def read_only(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: Path, *others: Any, **options: Any) -> Any:
            if str(path).startswith(f"{to}/"):  # also of a file that is not there, as Linux does
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return change(path, *others, **options)

        return changed

    for name in ("unlink", "replace"):
        monkeypatch.setattr(Path, name, read_only(getattr(Path, name)))
    why = (
        f"cannot write {to}/c.pem: Read-only file system: mount it for writing, or name another"
        " folder; in a systemd unit, ReadWritePaths= allows it"
    )
    assert f"not deployed: copy: {why}" in inside.run("deploy", "a.example").stderr
    told = json.loads(inside.run("deploy", "a.example", "--json").stdout)
    assert told["tasks"][0]["text"] == why
    assert f"copy: {why}" in inside.good("history", "a.example")
    assert "a bug" not in (inside.home / "logs/a.example.log").read_text()


@pytest.mark.parametrize("kind", task_kinds())
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EPERM, "Not permitted", "/x"), "/x: Not permitted: give this user"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device: make room"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), "/x: File name too long: once"),
    ],
)
async def test_what_the_system_refuses_to_any_task_is_a_line(
    kind: str, error: OSError, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        info = describe_task(kind)

        async def run(self, occasion: Occasion) -> str:
            raise error

        async def problems(self) -> list[str]:
            raise error

    monkeypatch.setattr(TaskDefinition, "open", lambda *_: Refused())
    CertificateFiles(tmp_path).write("a", issued("a.example"))
    async with open_manager(Home(tmp_path)) as manager:
        task = TaskDefinition(task=kind, name="one")
        definition = CertificateDefinition(name="a", identifiers=("a.example",), deploy=(task,))
        await manager.certificates.save(definition)
        (plan,) = await plan_tasks(manager, "a")
        (result,) = await deploy_left(manager, "a", lambda _: None)
    assert plan.problems[0].startswith(message)
    assert result.text.startswith(message)


def test_a_hook_that_is_relative_is_refused_and_one_that_is_stored_is_not_run(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = program(tmp_path / "hooks", "reload.sh", f"echo ran >{tmp_path}/ran")
    monkeypatch.chdir(tmp_path)
    why = (
        "command: the program 'hooks/reload.sh' must be an absolute path, or a name that is in"
        " PATH, because renewals run in other folders\n"
    )
    refused = inside.run("add", "a.example", "--provider=manual", "--deploy-hook=hooks/reload.sh")
    assert (refused.status, refused.stderr) == (2, f"zoneproof: a.example: {why}")
    inside.good("add", "a.example", "--provider=manual", f"--deploy-hook={strange}")
    CertificateFiles(inside.home).write("a.example", issued("a.example"))
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute(
            "UPDATE certificates SET definition = replace(definition, ?, ?)",
            (str(strange), "hooks/reload.sh"),
        )
    assert f"not deployed: command: {why}" in inside.run("deploy", "a.example").stderr
    assert not (tmp_path / "ran").exists()


def test_deploy_does_what_is_left_and_says_what_fails(inside: Inside, tmp_path: Path) -> None:
    bad = program(tmp_path, "bad", f"[ -e {tmp_path}/good ] || {{ echo no >&2; exit 1; }}")
    options = (f"--deploy=copy:cert={tmp_path}/cert", f"--deploy-hook={bad}")
    inside.good("add", "a.example", "--provider=manual", *options)
    missing = inside.run("deploy", "a.example")
    assert missing.stderr == (
        "zoneproof: a.example cannot be deployed: there is no certificate yet\n"
    )
    CertificateFiles(inside.home).write("a.example", issued("a.example"))
    plan = inside.good("deploy", "a.example", "--dry-run")
    assert plan == "copy (copy): not done yet\ncommand (command): not done yet\n"
    assert not (tmp_path / "cert").exists()
    first = inside.run("deploy", "a.example")
    assert first.status == 1
    assert f"copy: wrote {tmp_path}/cert" in first.stdout
    assert "not deployed: command: " in first.stderr
    (listed,) = json.loads(inside.good("list", "--json"))
    assert listed["status"] == "not deployed"
    assert "exit status 1, and said: no" in listed["not_deployed"]["command"]["last_error"]
    shown = inside.good("show", "a.example")
    assert "status        not deployed" in shown
    assert "  task copy\n    task      copy\n" in shown
    (tmp_path / "good").touch()
    second = json.loads(inside.good("deploy", "a.example", "--json"))
    assert [(one["task"], one["ok"]) for one in second["tasks"]] == [("command", True)]
    assert inside.good("deploy", "a.example") == (
        "a.example: all tasks are done; --all runs them again\n"
    )
    again = json.loads(inside.good("deploy", "a.example", "copy", "--json"))
    assert [one["text"] for one in again["tasks"]] == ["nothing to write"]
    both = json.loads(inside.good("deploy", "a.example", "--all", "--json"))
    assert len(both["tasks"]) == 2
    unknown = inside.run("deploy", "a.example", "nginx")
    assert "a.example has no task 'nginx' that deploys it: it has copy, command" in unknown.stderr
    kinds = [line.split()[2:4] for line in inside.good("history", "a.example").splitlines()]
    assert len(kinds) == 6


def test_a_secret_of_a_task_that_is_changed_is_deployed(inside: Inside, tmp_path: Path) -> None:
    bundle, secret = tmp_path / "site.p12", tmp_path / "password"
    secret.touch(mode=0o600)
    copy = f"--deploy=copy:pkcs12={bundle},pkcs12_password=@{secret}"
    secret.write_text("first")
    inside.good("add", "a.example", "--provider=manual", copy)
    CertificateFiles(inside.home).write("a.example", issued("a.example"))
    inside.good("deploy", "a.example")
    assert pkcs12.load_pkcs12(bundle.read_bytes(), b"first").key
    setting = ("credential", "set", "a.example-copy", f"--field=pkcs12_password=@{secret}")
    editing = ("edit", "a.example", copy)
    for password, changing, doing in (
        ("second", setting, ("deploy", "a.example")),
        ("third", editing, ("renew",)),
    ):
        secret.write_text(password)
        inside.good(*changing)
        shown = json.loads(inside.good("show", "a.example", "--json"))
        assert shown["status"] == "not deployed"
        inside.run(*doing)
        assert pkcs12.load_pkcs12(bundle.read_bytes(), password.encode()).key
    assert "all tasks are done" in inside.good("deploy", "a.example")


def test_a_certificate_without_tasks_has_none_to_be_done(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    CertificateFiles(inside.home).write("a.example", issued("a.example"))
    told = "a.example has no deployment tasks: 'zoneproof edit a.example --deploy KIND' adds one\n"
    assert inside.good("deploy", "a.example") == told
    assert inside.good("deploy", "a.example", "--dry-run") == told
    assert inside.good("deploy", "a.example", "--all") == told


def test_an_issued_certificate_is_deployed_and_so_is_a_renewed_one(world: World) -> None:
    note = world.folder / "note"
    hook = program(world.folder, "hook", f'echo "$RENEWED_DOMAINS $ZONEPROOF_SERIAL" >>{note}')
    copy = f"--deploy=copy:cert={world.folder}/cert.pem"
    done = issue(world, "www.example.com", copy, f"--deploy-hook={hook}", "--json")
    assert [event["task"] for event in done.events if event["event"] == "task_done"] == [
        "copy",
        "command",
    ]
    serials = [leaf(world, "www.example.com").serial_number]
    world.good("renew", "--force", "www.example.com")
    serials.append(leaf(world, "www.example.com").serial_number)
    assert note.read_text() == "".join(f"www.example.com {serial:x}\n" for serial in serials)
    live = world.home / "live/www.example.com/cert.pem"
    assert (world.folder / "cert.pem").read_bytes() == live.read_bytes()
    assert world.shown("www.example.com")["status"] == "valid"


def test_nginx_serves_what_the_ca_issued_before_and_after_a_renewal(world: World) -> None:
    folder = world.folder / "nginx"
    folder.mkdir()
    server = NginxServer(folder)
    files = f"fullchain={folder}/fullchain.pem,key={folder}/key.pem"
    issue(world, "www.example.com", f"--deploy=copy:{files}")
    with server:
        assert served(server.port) == leaf(world, "www.example.com").serial_number
        world.good(
            "edit",
            "www.example.com",
            "--no-deploy=copy",
            f"--deploy=nginx:{files},program={server.fields['program']}",
        )
        world.good("renew", "--force", "www.example.com")
        renewed = leaf(world, "www.example.com").serial_number
        server.wait_for_line("gracefully shutting down")  # the workers with the old one
        assert served(server.port) == renewed


def served(port: int) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_deployment_alone_obtains_no_other_certificate(world: World) -> None:
    issue(world, "www.example.com")
    before = leaf(world, "www.example.com").serial_number
    copy = f"--deploy=copy:cert={world.folder}/cert.pem"
    kept = world.run("issue", "www.example.com", copy)
    assert kept.status == 0, kept.stderr
    assert (world.folder / "cert.pem").exists()
    assert leaf(world, "www.example.com").serial_number == before


def test_a_certificate_that_is_issued_and_not_deployed_exits_with_1(world: World) -> None:
    result = world.run(
        "issue",
        *world.rfc2136_options,
        *world.ca_options,
        "www.example.com",
        "--deploy-hook=/no/such/program",
    )
    assert result.status == 1
    assert "www.example.com is issued, not deployed: command failed" in result.stderr
    assert world.shown("www.example.com")["failures"] == 0
    again = world.run("renew", "--json")
    assert again.status == 0, "it is not its time yet"
    assert again.event("renewal")["result"] == "not due"


def test_a_preview_tells_what_would_not_be_deployed(world: World) -> None:
    result = world.run(
        "preview",
        *world.rfc2136_options,
        *world.ca_options,
        "www.example.com",
        "--deploy=copy:cert=/no/such/folder/cert.pem",
    )
    assert result.status == 1
    assert (
        "PROBLEM: the task copy would fail: /no/such/folder is not a directory: create it"
        in result.stdout
    )
    assert "Issuing it would work, its deployment would fail" in result.stdout
