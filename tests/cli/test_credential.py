"""``zoneproof credential``: stored, changed, shown and removed by the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.credential_home import RFC2136, SECRET, Home, error_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_credential_is_added_shown_and_listed_without_its_secret(home: Home) -> None:
    added = home.add("--propagation=authoritative+30", "--resolver=192.0.2.1")
    assert added.status == 0
    assert added.stderr == ""
    shown = home.shown()
    assert shown["fields"] == {"server": "192.0.2.53", "key_name": "k", "secret": "(hidden)"}
    assert shown["dns"]["propagation"] == "authoritative+30"
    assert shown["dns"]["resolvers"] == ["192.0.2.1"]
    assert shown["used_by"] == []
    text = home.credential("show", "rfc2136").stdout
    assert re.search(r"secret +\(hidden\)", text)
    assert "used by      no certificate" in text
    (listed,) = json.loads(home.credential("list", "--json").stdout)
    assert (listed["name"], listed["provider"]) == ("rfc2136", "rfc2136")
    assert re.search(r"rfc2136 +rfc2136 +now +- +no certificate", home.list_text)


def test_a_taken_name_is_refused(home: Home) -> None:
    home.add()
    assert "the credential 'rfc2136' already exists" in error_of(home.add())
    assert home.add("--name=other").status == 0


def test_a_secret_on_the_command_line_is_warned_of_once(home: Home) -> None:
    url = "https://me:key1234567@dns.example/"
    done = home.credential("add", "acme-dns", f"--field=server={url}")
    assert done.status == 0
    assert "server can be read by others in the process list" in error_of(done, 0)
    assert "key1234567" not in done.stdout + done.stderr
    assert home.shown("acme-dns")["fields"]["server"] == "https://dns.example/"
    assert "zoneproof: warning: secret can be" in error_of(
        home.credential("add", "rfc2136", "--name=x", *RFC2136, "--field=secret=aGVsbG8="),
        0,
    )


def test_a_secret_comes_from_a_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    done = home.credential("add", "rfc2136", *RFC2136, f"--field=secret=@{file}")
    assert (done.status, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        "credential set rfc2136 --field secret=@{}",
        "add example.com --provider manual --deploy vault:url=https://127.0.0.1:9/,path=a,token=@{}",
        "add example.com --provider manual --pkcs12-password @{}",
        "export --output {}.archive --passphrase @{}",
    ],
)
def test_a_secret_in_a_file_that_others_can_read_is_warned_of(
    home: Home, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o644)
    home.add()
    done = home.run(*command.replace("{}", str(file)).split())
    (line,) = [one for one in done.stderr.splitlines() if str(file) in one]
    assert line.startswith(f"zoneproof: warning: {file} can be read by others: run `chmod 600 ")
    assert done.status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rfc2136"], r"needs server \(.*add --field server=\.\.\."),
        (["script"], r"needs create \(.*; delete \(.*--field create=\.\.\. --field delete"),
        (["rfc2136", "--field=server="], r"needs server"),
        (["rfc2137"], r"did you mean 'rfc2136'"),
        (["rfc2136", "--field=server=x y"], r"neither an IP address nor a host name"),
        (["rfc2136", "--field=server=a", "--field=colour=red"], r"has no field 'colour'"),
        (["rfc2136", "--field=server=a", "--field=algorithm=rot13"], r"choose one of hmac-md5"),
        (["rfc2136", "--field=server=a", "--field=key_name=k"], r"needs secret \(.*--field secret"),
        (["rfc2136", "--field=server=a", "--name=../up"], r"not a valid credential name"),
        (["rfc2136", "--field=server=a", "--propagation=soon"], r"not a propagation setting"),
        (["rfc2136", "--field=server=a", "--resolver=nowhere"], r"nowhere"),
        (["rfc2136", "--field=server=env:BAD"], r"\$BAD is not UTF-8 text"),
        (["rfc2136", "--field=server=a\udcff"], r"the argument '--field=server=a.*' is not UTF-8"),
    ],
)
def test_what_cannot_be_added_is_told_in_a_line(
    home: Home, arguments: list[str], message: str
) -> None:
    result = home.credential("add", *arguments, BAD="\udcff")
    assert re.search(message, error_of(result)), result.stderr
    assert json.loads(home.credential("list", "--json").stdout) == []


def test_a_change_keeps_the_rest(home: Home) -> None:
    home.add("--propagation=30", "--propagation-timeout=90")
    done = home.credential(
        "set", "rfc2136", "--field=port=5353", "--unset=propagation", "--resolver=192.0.2.2"
    )
    assert done.status == 0, done.stderr
    shown = home.shown()
    assert shown["fields"] == {
        "server": "192.0.2.53",
        "key_name": "k",
        "secret": "(hidden)",
        "port": "5353",
    }
    assert shown["dns"] == {
        "propagation": None,
        "propagation_timeout": 90.0,
        "resolvers": ["192.0.2.2"],
    }
    done = home.credential("set", "rfc2136", "--unset=port", "--unset=resolver", "--json")
    changed = json.loads(done.stdout)
    assert "port" not in changed["fields"]
    assert changed["dns"]["resolvers"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to change"),
        (["--field=colour=red"], "has no field 'colour'"),
        (["--field=port=many"], "port 'many'"),
        (["--unset=server"], "needs server"),
        (["--unset=secret"], "needs secret"),
        (["--unset=transport"], "has no field 'transport' to unset"),
        (["--propagation=soon"], "not a propagation setting"),
    ],
)
def test_what_cannot_be_changed_is_told_and_stays(
    home: Home, arguments: list[str], message: str
) -> None:
    home.add()
    before = home.shown()
    assert message in error_of(home.credential("set", "rfc2136", *arguments))
    assert home.shown() == before


def test_a_change_reaches_the_certificates_that_use_it_and_so_does_a_name(home: Home) -> None:
    home.add()
    for name in ("a.example", "b.example"):
        assert home.run("add", name, "--credential=rfc2136").status == 0
    changed = home.credential("set", "rfc2136", "--field=port=54").stdout
    assert changed == "rfc2136 is changed, used by 2 certificates\n"
    renamed = home.credential("rename", "rfc2136", "dns").stdout
    assert renamed == "rfc2136 is now dns, used by 2 certificates\n"
    assert home.shown("dns")["used_by"] == ["a.example", "b.example"]
    assert "dns" in home.run("show", "a.example").stdout

    refused = error_of(home.credential("remove", "dns"))
    assert "is used by a.example, b.example" in refused
    removed = home.credential("remove", "dns", "--force", "--yes")
    assert "these certificates now have no credential: a.example, b.example" in removed.stdout
    result = home.run("issue", "a.example")
    assert "there is no credential 'dns'" in result.stderr
    assert result.status == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "rfc2137"],
        ["set", "rfc2137", "--field=port=1"],
        ["rename", "rfc2137", "new"],
        ["remove", "rfc2137"],
        ["test", "rfc2137"],
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(
    home: Home, arguments: list[str]
) -> None:
    home.add()
    expected = "there is no credential 'rfc2137': did you mean 'rfc2136'?"
    assert expected in error_of(home.credential(*arguments))
    result = home.credential(*arguments, "--json")
    assert result.event("error")["message"] == expected
    assert (result.status, result.stderr) == (2, "")


def test_a_credential_of_a_provider_that_is_gone_can_be_seen_and_removed(home: Home) -> None:
    home.add()
    home.change("UPDATE credentials SET provider = 'gone'")
    assert "gone" in home.list_text
    assert set(home.shown()["fields"].values()) == {"(hidden)"}
    for arguments in (["set", "rfc2136", "--field=port=1"], ["test", "rfc2136"]):
        assert "there is no provider 'gone'" in error_of(home.credential(*arguments))
    assert home.credential("remove", "rfc2136", "--yes").status == 0


def test_one_that_does_not_open_can_be_listed_and_removed(home: Home) -> None:
    home.add()
    home.change("UPDATE credentials SET fields = substr(fields, 1, 60)")
    assert home.list_text
    assert "set this secret again" in error_of(home.credential("show", "rfc2136"), 1)
    assert home.credential("remove", "rfc2136", "--yes").status == 0
