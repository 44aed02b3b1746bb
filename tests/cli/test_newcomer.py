"""What somebody types who has never seen the command: other spellings, typos, pipes, no colours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.credential_home import RFC2136
from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A.Example", "a.example"),
        ("a.example.", "a.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("München.Example.", "xn--mnchen-3ya.example"),
    ],
)
def test_a_certificate_is_found_however_its_domain_is_written(
    inside: Inside, written: str, name: str
) -> None:
    inside.good("add", written, "--provider=manual")
    assert json.loads(inside.good("show", written, "--json"))["name"] == name
    inside.good("edit", written, "--ttl=60")
    assert inside.good("history", written) == "nothing has happened to it yet\n"
    assert json.loads(inside.good("remove", written, "--yes", "--json"))["removed"] == name
    assert inside.good("list", "--json") == "[]\n"


def test_a_wildcard_is_not_taken_for_the_certificate_of_its_domain(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    assert inside.run("show", "*.a.example").status == 2


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("isue", "a.example"), "Did you mean 'issue'?"),
        (("account", "regster"), "Did you mean 'register'?"),
        (("challenge", "tenant", "creat"), "Did you mean 'create'?"),
        (("import", "certbto"), "Did you mean 'certbot'?"),
        (("show", "--jsn"), "--json"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(
    inside: Inside, words: tuple[str, ...], advice: str
) -> None:
    result = inside.run(*words)
    assert result.status == 2
    assert advice in result.stderr


def test_a_stored_credential_is_never_emptied_by_naming_its_provider(inside: Inside) -> None:
    inside.good("credential", "add", "rfc2136", "--name=dns", *RFC2136, "--field=secret=c2Vj")
    result = inside.run("add", "a.example", "--provider=rfc2136", "--credential=dns")
    assert result.status == 2
    assert "the credential dns already has a provider: omit --provider to use it" in result.stderr
    shown = json.loads(inside.good("credential", "show", "dns", "--json"))
    assert shown["fields"]["server"] == "192.0.2.53"


def test_fields_of_another_provider_do_not_replace_a_credential(inside: Inside) -> None:
    inside.good("credential", "add", "rfc2136", "--name=dns", *RFC2136, "--field=secret=c2Vj")
    server = "--server=https://auth.example"
    result = inside.run("add", "a.example", "--provider=acme-dns", server, "--credential=dns")
    assert result.status == 2
    assert "the credential dns is for rfc2136: give another name" in result.stderr
    assert inside.good("list", "--json") == "[]\n"


def test_what_a_provider_lacks_is_said_before_anything_is_saved(inside: Inside) -> None:
    result = inside.run("add", "a.example", "--provider=rfc2136")
    assert result.status == 2
    assert "provider rfc2136 needs the field 'server'" in result.stderr
    assert inside.good("list", "--json") == "[]\n"


def test_a_new_certificate_is_not_there_yet(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    assert inside.good("list").splitlines()[1].split(maxsplit=4) == [
        *("a.example", "missing", "-", "now"),
        "there is no certificate yet",
    ]
    assert "renewal now; it is missing" in inside.good("show", "a.example")


def test_no_color_is_obeyed_at_a_terminal(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    environment = {"ZONEPROOF_HOME": str(inside.home), "NO_COLOR": ""}
    assert "\x1b[1ma.example" in run_at_terminal(["show", "a.example"], [], environment).stdout
    told = run_at_terminal(["show", "a.example"], [], environment | {"NO_COLOR": "1"}).stdout
    assert "\x1b" not in told


@pytest.mark.parametrize("command", ["renew", "list", "credential add rfc2136"])
def test_whoever_starts_it_may_have_closed_its_streams(inside: Inside, command: str) -> None:
    environment = {**os.environ, "ZONEPROOF_HOME": str(inside.home)}
    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f"{sys.executable} -m zoneproof {command} {closed}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == (2 if command.startswith("credential") else 0), done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "web user add me --role=administrator",
        "web token add one --role=viewer",
        "challenge init --zone auth.example.org --config {}/zoneproof.toml",
        "challenge key create me --config {}/zoneproof.toml",
        "challenge registration rotate me --config {}/zoneproof.toml",
    ],
)
def test_a_secret_that_nobody_could_see_is_not_made(
    inside: Inside, tmp_path: Path, command: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m zoneproof {command.format(tmp_path)} </dev/null >&-"],
        env={**os.environ, "ZONEPROOF_HOME": str(inside.home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "the standard output is closed, so the secret that this prints would be" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.1:65536", ":8_0", ": 80", ":+80"])
def test_nothing_listens_at_what_is_no_port(inside: Inside, listen: str) -> None:
    result = inside.run("add", "a.example", f"--standalone={listen}")
    assert result.status == 2
    assert "is not an address to listen on" in result.stderr
    assert "a port from 1 to 65535" in result.stderr


@pytest.mark.parametrize("command", ["issue", "add", "preview", "edit"])
def test_secrets_on_the_command_line_are_warned_of_once(inside: Inside, command: str) -> None:
    if command == "edit":
        inside.good("add", "a.example", "--provider=manual")
    key = "https://me:s3cret@auth.example"
    server = ["--provider=acme-dns", f"--server={key}", "--credential=new", "--ca=nowhere"]
    result = inside.run(command, "a.example", *server)
    assert result.status == 2
    assert result.stderr.count("server can be read by others in the process list") == 1
    assert "s3cret" not in result.stderr
    options = ["--provider=rfc2136", *RFC2136, "--field=secret=c2Vj", "--pkcs12-password=x"]
    result = inside.run(command, "a.example", *options, "--ca=nowhere")
    assert "warning: secret can be read by others" in result.stderr
    assert "warning: --pkcs12-password can be read by others" in result.stderr


def test_what_is_no_secret_or_is_read_from_elsewhere_is_not_warned_of(
    inside: Inside, tmp_path: Path
) -> None:
    url = tmp_path / "url"
    url.write_text("https://me:s3cret@auth.example")
    url.chmod(0o600)
    for server in ("https://auth.example", f"@{url}"):
        inside.good(
            "add", "a.example", "--provider=acme-dns", f"--server={server}", "--pkcs12-password="
        )
        inside.good("remove", "a.example", "--yes")
    result = inside.run("add", "a.example", "--provider=acme-dns", f"--server=@{url}")
    assert result.stderr == ""


def test_the_key_of_an_account_binding_is_warned_of(inside: Inside) -> None:
    options = ["--eab-kid=k", "--eab-hmac-key=c2VjcmV0"]
    result = inside.run("account", "register", "--ca=nowhere", *options)
    assert "--eab-hmac-key @FILE or --eab-hmac-key env:VARIABLE is safer" in result.stderr
