"""What a person is asked at a terminal: no more than is needed, and each answer is checked."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.credential_home import SECRET, Home
from tests.cli.terminal import paste_at_terminal, run_at_terminal
from tests.support.command import Result

REPOSITORY = Path(__file__).parents[2]
NO_ZONE = ("a zone to test it in; Enter for no test", "")
OF_RFC2136 = [("server (", "192.0.2.53"), ("key_name (", "k"), ("secret (", SECRET), NO_ZONE]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def ask(home: Home, arguments: Sequence[str], dialogue: Sequence[tuple[str, str]]) -> Result:
    """Add a credential at a terminal; the dialogue is all that is asked."""
    environment = {"ZONEPROOF_HOME": str(home.path)}
    result = run_at_terminal(["credential", "add", *arguments], dialogue, environment)
    assert SECRET not in result.stdout
    assert "Traceback" not in result.stdout
    return result


def stored(home: Home, name: str = "rfc2136") -> dict[str, str]:
    fields: dict[str, str] = home.shown(name)["fields"]
    return fields


def test_who_gives_no_field_is_asked_for_a_key_and_secrets_are_not_echoed(home: Home) -> None:
    result = ask(home, ["rfc2136"], OF_RFC2136)
    assert result.status == 0, result.stdout
    assert stored(home) == {"server": "192.0.2.53", "key_name": "k", "secret": "(hidden)"}
    for other in ("port (", "algorithm (", "transport ("):
        assert other not in result.stdout


def test_who_has_no_key_is_not_asked_for_its_secret(home: Home) -> None:
    answers = dict(OF_RFC2136) | {"key_name (": ""}
    del answers["secret ("]
    result = ask(home, ["rfc2136"], list(answers.items()))
    assert result.status == 0, result.stdout
    assert "secret (" not in result.stdout


def test_who_gives_some_fields_is_asked_only_for_what_is_required_and_missing(home: Home) -> None:
    result = ask(home, ["rfc2136", "--field=port=5353"], [("server (", "192.0.2.53"), NO_ZONE])
    assert result.status == 0, result.stdout
    assert stored(home) == {"server": "192.0.2.53", "port": "5353"}
    fields = ["--field=server=192.0.2.53", "--field=key_name=k"]
    result = ask(home, ["rfc2136", "--name=b", *fields], [("secret (", SECRET), NO_ZONE])
    assert result.status == 0, result.stdout
    assert stored(home, "b")["secret"] == "(hidden)"
    result = ask(home, ["rfc2136", "--name=c", "--field=server=192.0.2.53"], [])
    assert result.status == 0, result.stdout


@pytest.mark.parametrize(
    ("provider", "field", "wrong", "said", "right"),
    [
        ("rfc2136", "server", "192.0.2.53:53", "the port has its own field", "192.0.2.53"),
        ("rfc2136", "server", "", None, "192.0.2.53"),
        ("rfc2136", "key_name", "a..b", "'a..b' is not a domain name", "k"),
        ("rfc2136", "secret", "not base64!", "secret is not base64", SECRET),
        ("rfc2136", "secret", "", None, SECRET),
        ("script", "create", "./create", "must be an absolute path", "/bin/true"),
        ("acme-dns", "server", "auth.example", "must begin with https://", "https://auth.example"),
        ("acme-dns", "server", "https://auth.example:0", "0 is not a valid port", "https://a.test"),
    ],
)
def test_each_answer_is_checked_as_it_is_given(
    home: Home, provider: str, field: str, wrong: str, said: str | None, right: str
) -> None:
    """The same question comes again at once, and not after all the others."""
    rest = {
        "rfc2136": dict(OF_RFC2136),
        "script": dict.fromkeys(("create (", "delete ("), "/bin/true") | dict([NO_ZONE]),
        "acme-dns": {"server (": "https://a.test"},
    }[provider]
    dialogue = []
    for question, answer in rest.items():
        if question == f"{field} (":
            dialogue += [(question, wrong), (question, right)]
        else:
            dialogue.append((question, answer))
    result = ask(home, [provider], dialogue)
    assert result.status == 0, result.stdout
    assert said is None or said in result.stdout
    assert stored(home, provider)[field] in (right, "(hidden)")


def test_a_field_that_is_given_wrongly_is_said_before_anything_is_asked(home: Home) -> None:
    result = ask(home, ["rfc2136", "--field=port=70000"], [])
    assert result.status == 2
    assert result.stdout.count("\n") == 1
    assert "port '70000' is not a valid port" in result.stdout


def test_ctrl_c_at_a_question_ends_on_a_line_of_its_own(home: Home) -> None:
    command = ["credential", "add", "rfc2136"]
    result = run_at_terminal(command, [("server (", "\x03")], {"ZONEPROOF_HOME": str(home.path)})
    assert result.status == 130
    assert "\r\nzoneproof: interrupted" in result.stdout


def test_who_does_not_agree_is_not_promised_a_certificate(tmp_path: Path) -> None:
    command = ["challenge", "init", "--zone=auth.example", "--address=192.0.2.1"]
    command += [f"--config={tmp_path / 'zoneproof.toml'}", "--user", getpass.getuser()]
    command += [f"--database={tmp_path / 'challenge.db'}"]
    result = run_at_terminal(command, [("terms of service of letsencrypt? [y/N]: ", "n")], {})
    assert result.status == 0, result.stdout
    assert "written 'acme_agree_tos = true' into the configuration" in result.stdout
    assert "within minutes" not in result.stdout


def test_a_new_service_asks_again_for_what_is_no_zone_and_no_address(tmp_path: Path) -> None:
    config = tmp_path / "zoneproof.toml"
    result = run_at_terminal(
        [
            *("challenge", "init", "--config", str(config), "--tls=off"),
            *("--database", str(tmp_path / "challenge.db"), "--user", getpass.getuser()),
        ],
        [
            ("own zone, such as auth.example.org: ", "auth..example"),
            ("own zone, such as auth.example.org: ", "auth.example"),
            ("public IP addresses, separated by spaces: ", "192.0.2.1, here"),
            ("public IP addresses, separated by spaces: ", "192.0.2.1, 2001:db8::1"),
        ],
        {},
    )
    assert result.status == 0, result.stdout
    assert "'here' is not an IP address" in result.stdout
    assert "2001:db8::1" in config.read_text()


def paste(home: Home, folder: Path, text: str) -> str:
    """Type all of the text at once into a shell that finds the command."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "zoneproof").write_text(f'#!/bin/sh\nexec {sys.executable} -m zoneproof "$@"\n')
    (programs / "zoneproof").chmod(0o755)
    return paste_at_terminal(
        text, {"ZONEPROOF_HOME": str(home.path), "PATH": f"{programs}:{os.environ['PATH']}"}
    )


def test_a_question_takes_no_pasted_command_for_its_answer(home: Home, tmp_path: Path) -> None:
    add = "zoneproof credential add rfc2136 --name dns --field server=192.0.2.53\n"
    told = paste(
        home, tmp_path, f"{add}zoneproof credential remove dns\nzoneproof credential list\n"
    )
    assert "There is no terminal to ask at: add --yes to do it" in told
    assert "dns   rfc2136" in told, told


def test_the_block_of_the_readme_pastes(home: Home, tmp_path: Path) -> None:
    """All of it is typed at once: a question would swallow the lines behind it."""
    readme = (REPOSITORY / "README.md").read_text()
    found = re.search(r"^zoneproof credential add(?:.*\\\n)*.*\n", readme, re.MULTILINE)
    assert found
    secret = tmp_path / "tsig.secret"
    secret.write_text(f"{SECRET}\n")
    block = found[0].replace("/etc/zoneproof/tsig.secret", str(secret))
    told = paste(home, tmp_path, block + "zoneproof credential list\n")
    assert "dns is stored" in told
    assert "dns   rfc2136" in told, told
    assert stored(home, "dns") == {
        "server": "ns1.example.com",
        "key_name": "acme",
        "secret": "(hidden)",
    }
