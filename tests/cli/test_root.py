"""The ``zoneproof`` command itself: help, versions, errors and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from tests.support.command import Result, run_zoneproof
from tests.support.command_tree import COMMANDS
from zoneproof import __version__, cli


def run(*words: str) -> Result:
    return run_zoneproof(*words, timeout=30)


def started(
    *words: str | bytes, home: Path, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    """Run a command whose arguments or output depend on how Python starts."""
    return subprocess.run(
        [sys.executable, "-m", "zoneproof", *words],
        env=os.environ | {"PYTHONIOENCODING": encoding, "ZONEPROOF_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.status == 0
    for command in ("challenge", "demo", "issue", "provider"):
        assert command in done.stdout


def test_help_imports_no_room_but_the_ground_floor() -> None:
    code = "import sys, zoneproof.cli; print(sorted(m for m in sys.modules if 'zoneproof' in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    ours = ["zoneproof", "zoneproof.cli", "zoneproof.cli.option_groups", "zoneproof.cli.streams"]
    ours += ["zoneproof.core", "zoneproof.core.errors", "zoneproof.core.text"]
    assert done.stdout.strip() == str(ours)


MANAGER_HALF = {"zoneproof.manager", "zoneproof.acme", "httpx2", "cryptography"}
HTTP_SERVER = {"starlette", "uvicorn", "zoneproof.serving.server"}


@pytest.mark.parametrize("group", ["challenge", "provider"])
def test_help_of_the_challenge_service_and_of_providers_imports_no_manager(group: str) -> None:
    commands = [name for name in COMMANDS if name.startswith(group)]
    assert not imported_by_help(*commands) & {*MANAGER_HALF, *HTTP_SERVER, "rich"}


@pytest.mark.parametrize("command", ["edit", "issue", "list", "renew", "credential", "import"])
def test_help_imports_neither_what_draws_nor_what_serves(command: str) -> None:
    assert not imported_by_help(command) & {*HTTP_SERVER, "rich", "zoneproof.testing"}


@pytest.mark.parametrize("command", ["issue", "list", "edit"])
def test_help_of_what_sends_no_mail_imports_nothing_that_does(command: str) -> None:
    assert not imported_by_help(command) & {"smtplib", "email.policy"}


# What a Struct cannot be: it compares all its fields, and is given all of them.
DATACLASSES = {
    "CertificateChain",
    "Delegation",
    "DomainName",
    "Identifier",
    "PreparedRecords",
    "Retries",
    "Subproblem",
    "TxtRecord",
    "Validation",
}


def test_an_order_imports_structs_because_each_dataclass_makes_it_start_later() -> None:
    code = (
        "import dataclasses, gc, zoneproof.cli.issue\n"
        "print(*(one.__name__ for one in gc.get_objects() if isinstance(one, type)"
        " and dataclasses.is_dataclass(one) and one.__module__.startswith('zoneproof')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(done.stdout.split()) <= DATACLASSES


@cache
def imported_by_help(*commands: str) -> set[str]:
    """Return the modules that are there after the help of these commands was shown."""
    code = (
        "import sys\nfrom zoneproof.cli import root\n"
        "for words in sys.argv[1:]:\n"
        "    root([*words.split(), '--help'], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *commands],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.count("Usage: ") == len(commands)
    return set(done.stderr.split())


@pytest.mark.parametrize("command", ["challenge", "demo", "doctor", "issue", "provider"])
def test_every_command_has_help(command: str) -> None:
    assert run(command, "--help").status == 0


@pytest.mark.parametrize("words", [(), ("issue",), ("credential",), ("credential", "add")])
def test_help_is_a_command_too(words: tuple[str, ...]) -> None:
    done = run("help", *words)
    assert (done.status, done.stdout) == (0, run(*words, "--help").stdout)
    assert done.stdout.startswith(f"Usage: {' '.join(('zoneproof', *words))} ")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("isue",), "No such command 'isue'. Did you mean 'issue'?"),
        (("credential", "ad"), "No such command 'ad'. Did you mean 'add'?"),
        (("issue", "example.com"), "'zoneproof issue' has no subcommands"),
    ],
)
def test_help_about_a_command_that_is_none(words: tuple[str, ...], advice: str) -> None:
    done = run("help", *words)
    assert done.status == 2
    assert advice in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("isue",), "No such command 'isue'. Did you mean 'issue'? See 'zoneproof --help'"),
        (("list", "--qqq"), "No such option '--qqq'; see 'zoneproof list --help'"),
        (("show",), "Missing argument 'NAME'; see 'zoneproof show --help'"),
        (("web", "user", "add"), "Missing argument 'NAME'; see 'zoneproof web user add --help'"),
        (("run", "--web"), "Option '--web' requires an argument; see 'zoneproof run --help'"),
        (
            ("web", "user", "list", "--json=1"),
            "Option '--json' does not take a value; see 'zoneproof web user list --help'",
        ),
        (("--help=1",), "Option '--help' does not take a value; see 'zoneproof --help'"),
    ],
)
def test_wrong_usage_is_told_in_one_line(words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == f"zoneproof: {told}\n"


def test_wrong_usage_is_json_for_programs() -> None:
    done = run("show", "--json")
    assert done.status == 2
    assert "Missing argument 'NAME'" in json.loads(done.stdout)["message"]


def test_version_is_the_package_version() -> None:
    assert __version__ in run("--version").stdout


def test_an_unknown_command_exits_with_2() -> None:
    done = run("isue")
    assert done.status == 2
    assert "isue" in done.stderr


def test_providers_are_listed_and_shown() -> None:
    assert "rfc2136" in run("provider", "list").stdout
    assert '"slug": "rfc2136"' in run("provider", "list", "--json").stdout
    shown = run("provider", "show", "rfc2136").stdout
    assert "secret" in shown
    assert "Least privilege: " in shown
    assert "`dns-rfc2136` (certbot" in shown


def test_an_unknown_provider_is_one_line_and_exit_code_2() -> None:
    done = run("provider", "show", "rfc2163")
    assert done.status == 2
    assert done.stderr.count("\n") == 1


def test_a_bug_is_one_line_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("the moon\nis full")

    monkeypatch.setattr(cli, "root", fail)
    monkeypatch.delenv("ZONEPROOF_DEBUG", raising=False)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 70
    told = capsys.readouterr().err
    assert "RuntimeError: the moon is full" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("words", [("history", b"\xff"), ("add", b"--name=\xff", "a.example")])
def test_an_argument_that_is_no_utf_8_is_one_line_and_exit_code_2(
    tmp_path: Path, words: tuple[str | bytes, ...]
) -> None:
    done = started(*words, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "\\udcff' is not UTF-8" in done.stderr
    told = started(*words, "--json", home=tmp_path)
    assert (told.returncode, told.stderr) == (2, "")
    assert "\\udcff' is not UTF-8" in json.loads(told.stdout)["message"]


def test_what_the_terminal_s_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    added = started("add", "a.example", "--provider=manual", "--profile=日", home=tmp_path)
    assert added.returncode == 0, added.stderr
    done = started("show", "a.example", home=tmp_path, encoding="latin-1")
    assert done.returncode == 0, done.stderr
    assert "\\u65e5" in done.stdout


@pytest.mark.parametrize(
    "words",
    [("show", "none"), ("history", "none"), ("provider", "show", "none"), ("list", "--toml")],
)
def test_with_json_an_error_is_json_on_standard_output(
    inside: Inside, words: tuple[str, ...]
) -> None:
    result = inside.run(*words, "--json")
    assert (result.status, result.stderr) == (2, "")
    assert json.loads(result.stdout)["exit_code"] == 2
