"""What is refused is not saved, whichever command is given it, nor ordered."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.inside import Inside
from tests.cli.managing import CHALLENGE
from tests.support.change_txt import change_record
from tests.support.world import World
from zoneproof.testing.ports import free_port


def definitions(inside: Inside) -> list[dict[str, Any]]:
    names = [one["name"] for one in json.loads(inside.good("list", "--json"))]
    shown = [json.loads(inside.good("show", name, "--json")) for name in names]
    return [one["definition"] for one in shown]


# --- one validation for all doors --------------------------------------------------------------

WRONG = [
    ({"account": "letsencrpyt"}, "there is no account 'letsencrpyt'"),
    ({"account": "https://"}, "the CA's URL 'https://' is not a URL"),
    ({"account": "http://ca.example/dir"}, "does not start with https://"),
    ({"fallback_accounts": ["nope"]}, "there is no account 'nope'"),
    ({"fallback_accounts": ["https://ca.example:99999/"]}, "is not a URL"),
    ({"credential": "gone"}, "there is no credential 'gone'"),
    ({"provider": "rfc2136"}, "provider rfc2136 needs the field 'server'"),
    ({"provider": "rfc2136", "fields": {"colour": "red"}}, "no field 'colour'"),
    (
        {"provider": "script", "fields": {"create": "/nonexistent", "delete": "/bin/true"}},
        "script: create: /nonexistent cannot be run: there is no such file",
    ),
    ({"identifiers": ["192.0.2.7"]}, "is an IP address"),
    (
        {"provider": "acme-dns", "fields": {"server": "https://auth.example"}, "zone": "a.example"},
        "the zone 'a.example' cannot be given with it",
    ),
]


_OPTIONS = {"fallback_accounts": "--fallback-account", "identifiers": "--add-name"}
_OF_METHOD = ("provider", "credential", "zone", "fields")


def arguments(wrong: dict[str, Any]) -> list[str]:
    """Return the same as options of ``issue``, ``add`` and ``preview``; the names come first."""
    found = {"provider": "manual", "account": "letsencrypt", **wrong}
    if "credential" in wrong:
        del found["provider"]
    words = []
    for name, value in found.items():
        if name == "fields":
            words += [f"--field={key}={text}" for key, text in value.items()]
        elif name != "identifiers":
            text = value[0] if isinstance(value, list) else value
            words.append(f"{_OPTIONS.get(name, f'--{name}')}={text}")
    return [*wrong.get("identifiers", ["a.example"]), *words]


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
@pytest.mark.parametrize("command", ["issue", "add"])
def test_a_new_certificate_that_cannot_work_is_not_saved(
    inside: Inside, command: str, wrong: dict[str, Any], reason: str
) -> None:
    result = inside.run(command, *arguments(wrong))
    assert result.status == 2, result.stderr
    assert reason in result.stderr
    assert definitions(inside) == []
    assert json.loads(inside.good("account", "list", "--json")) == []


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
def test_an_edit_that_cannot_work_is_not_saved(
    inside: Inside, wrong: dict[str, Any], reason: str
) -> None:
    inside.good("add", "a.example", "--provider=manual", "--ca=letsencrypt")
    before = definitions(inside)
    words = arguments(wrong)
    added = [f"--add-name={name}" for name in wrong.get("identifiers", ())]
    result = inside.run("edit", "a.example", *added, *words[len(added) or 1 :])
    assert result.status == 2, result.stderr
    assert reason in result.stderr
    assert definitions(inside) == before


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
def test_a_file_that_cannot_work_is_not_applied(
    inside: Inside, tmp_path: Path, wrong: dict[str, Any], reason: str
) -> None:
    method = {name: value for name, value in wrong.items() if name in _OF_METHOD}
    rest = {name: value for name, value in wrong.items() if name not in _OF_METHOD}
    table = {"name": "a", "identifiers": ["a.example"], "account": "letsencrypt", **rest}
    lines = ["[[certificate]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    lines += ["[[certificate.method]]"]
    for name, value in (method or {"provider": "manual"}).items():
        pairs = (
            ", ".join(f"{key} = {json.dumps(text)}" for key, text in value.items())
            if (isinstance(value, dict))
            else ""
        )
        lines.append(f"{name} = {{ {pairs} }}" if pairs else f"{name} = {json.dumps(value)}")
    file = tmp_path / "certs.toml"
    file.write_text("\n".join(lines))
    result = inside.run("apply", "-f", str(file))
    assert result.status == 2, result.stdout
    assert f"a: {reason}" in result.stderr or reason in result.stderr
    assert definitions(inside) == []


@pytest.mark.parametrize("option", ["--webroot", "--credential", "--provider", "--server"])
def test_an_option_whose_variable_was_not_set_does_not_mean_a_listener(
    inside: Inside, option: str
) -> None:
    inside.good("add", "a.example", "--provider=manual")
    before = definitions(inside)
    for command in (["add", "b.example"], ["issue", "b.example"], ["edit", "a.example"]):
        result = inside.run(*command, option, "")
        assert result.status == 2, result.stdout
        assert f"{option} is empty" in result.stderr
    assert definitions(inside) == before


def test_fallback_accounts_can_be_taken_away(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual", "--fallback-account=letsencrypt-staging")
    inside.good("edit", "a.example", "--fallback-account=")
    assert "fallback_accounts" not in definitions(inside)[0]


def test_the_account_of_the_settings_is_named_as_theirs(inside: Inside) -> None:
    inside.home.mkdir()
    (inside.home / "settings.toml").write_text('account = "letsencrpyt"\n')
    result = inside.run("add", "a.example", "--provider=manual")
    assert result.status == 2
    assert "settings.toml names an account that cannot be used: there is no acc" in result.stderr


def test_a_wildcard_without_a_method_is_advised_to_use_dns(inside: Inside, tmp_path: Path) -> None:
    for command in ("issue", "add", "preview"):
        result = inside.run(command, "*.a.example")
        assert result.status == 2
        assert "--provider or --credential for DNS" in result.stderr
        assert "pattern" not in result.stderr
        assert "webroot" not in result.stderr
    file = tmp_path / "certs.toml"
    file.write_text('[[certificate]]\nidentifiers = ["*.a.example"]\n')
    result = inside.run("apply", "-f", str(file))
    assert "give it one with a DNS provider" in result.stderr
    assert "pattern" not in result.stderr


# --- what this machine has to have ---------------------------------------------------------------


def hook(folder: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    path = folder / "hook"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def fields(program: str) -> list[str]:
    return [f"--field=create={program}", f"--field=delete={program}"]


def test_a_credential_whose_program_cannot_run_is_not_stored(
    inside: Inside, tmp_path: Path
) -> None:
    refused = inside.run("credential", "add", "script", *fields(hook(tmp_path, mode=0o644)))
    assert (refused.status, "chmod +x" in refused.stderr) == (2, True), refused.stderr
    inside.good("credential", "add", "script", *fields(hook(tmp_path)))
    refused = inside.run("credential", "set", "script", "--field=delete=/nonexistent")
    assert (refused.status, "script: delete" in refused.stderr) == (2, True), refused.stderr
    shown = json.loads(inside.good("credential", "show", "script", "--json"))
    assert shown["fields"]["delete"] == str(tmp_path / "hook")


def test_a_webroot_that_is_not_there_is_refused_by_all_that_save(
    inside: Inside, tmp_path: Path
) -> None:
    inside.good("add", "a.example", "--provider=manual")
    before = definitions(inside)
    file = tmp_path / "certs.toml"
    method = '[[certificate.method]]\nchallenge = "http-01"\nwebroot = "/nonexistent"\n'
    file.write_text(f'[[certificate]]\nidentifiers = ["a.example"]\n{method}')
    for command in (
        ["add", "b.example", "--webroot=/nonexistent"],
        ["issue", "b.example", "--webroot=/nonexistent"],
        ["edit", "a.example", "--webroot=/nonexistent"],
        ["apply", "-f", str(file)],
    ):
        result = inside.run(*command)
        assert result.status == 2, result.stdout
        assert "the webroot /nonexistent is not a directory" in result.stderr
    assert definitions(inside) == before


def test_a_port_that_is_busy_now_is_no_reason_not_to_save(inside: Inside) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"--standalone=127.0.0.1:{other.getsockname()[1]}"
        inside.good("add", "a.example", listen)


def test_what_is_saved_can_be_changed_while_its_program_is_gone(
    inside: Inside, tmp_path: Path
) -> None:
    program = hook(tmp_path)
    inside.good("add", "a.example", "--provider=script", *fields(program))
    Path(program).unlink()
    inside.good("edit", "a.example", "--no-renew")
    file = tmp_path / "certs.toml"
    file.write_text(inside.good("list", "--toml"))
    inside.good("apply", "-f", str(file))
    assert inside.run("edit", "a.example", "--provider=script", *fields("/gone")).status == 2
    assert inside.run("issue", "a.example").status == 2


def test_preview_tells_of_a_program_that_cannot_run(world: World, tmp_path: Path) -> None:
    program = hook(tmp_path, "#!/nonexistent/sh\n")
    options = ["--provider=script", *fields(program), *world.ca_options]
    result = world.run("preview", "example.com", *options)
    assert result.status == 1, result.stderr
    assert "the interpreter '/nonexistent/sh', which is not there" in result.stdout
    assert "publish name" in result.stdout  # and what else there is to know


def test_a_program_that_is_gone_is_found_before_the_order(world: World, tmp_path: Path) -> None:
    program = hook(tmp_path)
    options = ["--provider=script", *fields(program), world.ca_options[0]]
    assert world.run("add", "example.com", *options).status == 0
    Path(program).unlink()
    result = world.run("renew", *world.ca_options[1:], "--json")
    assert result.status == 1
    assert "there is no such file" in result.stdout
    assert "order_created" not in result.event_names


def test_a_webroot_that_is_gone_is_found_before_the_order(world: World, tmp_path: Path) -> None:
    webroot = tmp_path / "htdocs"
    webroot.mkdir()
    added = world.run("add", "www.example.com", f"--webroot={webroot}", world.ca_options[0])
    assert added.status == 0, added.stderr
    webroot.rmdir()
    result = world.run("renew", *world.ca_options[1:], "--json")
    assert result.status == 1
    assert "the webroot" in result.stdout
    assert "order_created" not in result.event_names


def test_a_busy_port_is_found_before_anything_is_saved_or_ordered(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"--standalone=127.0.0.1:{other.getsockname()[1]}"
        result = world.run("issue", "www.example.com", listen, *world.ca_options, "--json")
    assert result.status == 1
    assert "another program listens there" in result.event("error")["message"]
    assert "order_created" not in result.event_names
    assert json.loads(world.run("list", "--json").stdout) == []


@pytest.mark.parametrize(
    "command",
    [
        ["issue", "example.com"],
        ["issue", "example.com", "--dry-run"],
        ["preview", "example.com"],
        ["renew"],
        ["resume", "example.com"],
        ["account", "register"],
        ["doctor", "example.com"],
    ],
)
def test_a_ca_bundle_that_cannot_be_read_is_refused_by_every_command(
    inside: Inside, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "empty.pem").write_text("no certificates")
    for bundle in ("/nonexistent", str(tmp_path / "empty.pem")):
        result = inside.run(*command, f"--ca-bundle={bundle}")
        assert result.status == 2, result.stdout + result.stderr
        assert f"the CA bundle {bundle} cannot be used" in result.stderr
    reader, writer = os.pipe()  # as of <(command), which can be read only once
    os.close(writer)
    result = inside.run(*command, f"--ca-bundle=/dev/fd/{reader}")
    os.close(reader)
    assert result.status == 2
    assert "name a file that stays" in result.stderr
    assert json.loads(inside.good("account", "list", "--json")) == []


# --- what the CA and the DNS say at once ----------------------------------------------------------


@pytest.mark.parametrize("command", ["add", "issue", "edit", "apply"])
def test_a_zone_that_does_not_hold_the_name_is_not_saved(
    world: World, tmp_path: Path, command: str
) -> None:
    name = "www.example.com"
    options = [*world.rfc2136_options, world.ca_options[0]]
    if command == "edit":
        assert world.run("add", name, *options).status == 0
        options = [name, "--zone=example.net"]
    elif command == "apply":
        file = tmp_path / "certs.toml"
        method = '[[certificate.method]]\nprovider = "manual"\nzone = "example.net"\n'
        file.write_text(f'[[certificate]]\nidentifiers = ["{name}"]\n{method}')
        options = ["-f", str(file)]
    else:
        options = [name, *options, "--zone=example.net"]
        options += world.ca_options[1:] if command == "issue" else []
    before = world.run("list", "--toml").stdout
    result = world.run(command, *options)
    assert result.status == 2, result.stdout + result.stderr
    assert "the method's zone example.net does not contain _acme-challenge.www" in result.stderr
    assert command != "apply" or f"certs.toml: {name}: the method's zone" in result.stderr
    assert world.run("list", "--toml").stdout == before


def test_a_zone_to_which_a_cname_leads_is_saved(world: World) -> None:
    change_record(world.knot.port, f"{CHALLENGE}. IN CNAME challenge.example.net.")
    options = ["--provider=manual", world.ca_options[0]]
    saved = world.run("add", "example.com", *options, "--zone=example.net")
    change_record(world.knot.port, f"{CHALLENGE}. IN CNAME challenge.example.net.", remove=True)
    assert saved.status == 0, saved.stderr


def test_a_zone_that_nobody_can_judge_now_is_saved(world: World) -> None:
    nobody = f"--resolver=127.0.0.1:{free_port()}"
    options = ["--provider=manual", world.ca_options[0], nobody, "--zone=example.net"]
    assert world.run("add", "example.com", *options).status == 0


def test_who_does_not_agree_to_the_terms_gets_no_key(world: World) -> None:
    options = [*world.rfc2136_options, *world.ca_options[:2]]
    register = ["account", "register", f"--ca={world.pebble.directory_url}", world.ca_options[1]]
    for command in (["issue", "example.com", *options], register):
        refused = world.run(*command)
        assert "terms" in refused.stderr
        assert refused.status == 1
        assert {path.name for path in world.home.iterdir()} <= {"settings.toml", "state.sqlite3"}
