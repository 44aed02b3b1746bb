"""Coming from certbot, lego and acme.sh with files as they write them: preview and saving."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal
from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, REGISTRATION, SECRET, key_pair, write
from zoneproof.acme import AccountKey


def add_certbot(folder: Path, name: str, names: tuple[str, ...], **parameters: str) -> None:
    """Write a certificate with its key into certbot's folder."""
    chain, key = key_pair(*names)
    live = folder / "live" / name
    for file, content in {"cert": chain, "fullchain": chain, "privkey": key}.items():
        write(live / f"{file}.pem", content)
    lines = [f"{setting} = {value}" for setting, value in parameters.items()]
    text = "\n".join([f"server = {LETS_ENCRYPT}", *lines])
    write(folder / f"renewal/{name}.conf", f"[renewalparams]\n{text}\n")


def add_account(folder: Path, number: str, key: AccountKey, uri: str = ACCOUNT_URL) -> None:
    """Write an account at Let's Encrypt into certbot's folder."""
    place = folder / "accounts/acme-v02.api.letsencrypt.org/directory" / number
    write(place / "private_key.json", private_jwk(key))
    write(place / "regr.json", {"body": {}, "uri": uri})


def private_jwk(key: AccountKey) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(key.to_pem(), None)
    number = private.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr]
    text = base64.urlsafe_b64encode(number).rstrip(b"=").decode()
    return {**key.jwk, "d": text}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "letsencrypt"


def saved(inside: Inside, folder: Path, *options: str) -> dict[str, Any]:
    """Take over certbot's folder, and return what --json tells."""
    result = inside.run("import", "certbot", str(folder), "--yes", "--json", *options)
    assert result.status == 0, result.stderr
    assert SECRET not in result.stdout
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def status_of(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(item["kind"], item["name"]): item["status"] for item in document["items"]}


def shown_definition(inside: Inside, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(inside.good("show", name, "--json"))
    definition: dict[str, Any] = shown["definition"]
    return definition


def test_accounts_are_named_after_their_ca_with_a_number_for_the_second(
    inside: Inside, folder: Path
) -> None:
    first, second = AccountKey.generate(), AccountKey.generate()
    add_account(folder, "one", first)
    assert status_of(saved(inside, folder)) == {("account", "letsencrypt"): "new"}
    add_account(folder, "two", second)
    assert status_of(saved(inside, folder)) == {
        ("account", "letsencrypt"): "same",
        ("account", "letsencrypt-2"): "new",
    }
    assert saved(inside, folder)["taken"] == 0


def test_a_certificate_uses_the_account_that_came_with_it(inside: Inside, folder: Path) -> None:
    add_account(folder, "one", AccountKey.generate())
    saved(inside, folder)
    other = folder.with_name("other")
    add_account(other, "two", AccountKey.generate())
    add_certbot(other, "example.com", ("example.com",), authenticator="standalone")
    saved(inside, other)
    assert shown_definition(inside, "example.com")["account"] == "letsencrypt-2"


def test_secrets_become_a_credential(inside: Inside, folder: Path, tmp_path: Path) -> None:
    credentials = write(
        tmp_path / "dns.ini",
        "dns_rfc2136_server = 192.0.2.1\ndns_rfc2136_name = key\ndns_rfc2136_secret = c2VjcmV0\n",
    )
    add_certbot(
        folder,
        "example.com",
        ("example.com",),
        authenticator="dns-rfc2136",
        dns_rfc2136_credentials=str(credentials),
    )
    assert status_of(saved(inside, folder))["credential", "example.com-rfc2136"] == "new"
    definition = shown_definition(inside, "example.com")
    assert definition["method"] == [{"credential": "example.com-rfc2136"}]
    assert definition.get("renew", True)


_SET = "`zoneproof credential set a-rfc2136 --field NAME=@FILE`, then `zoneproof edit a --renew`"
_ADD = (
    "`zoneproof credential add rfc2136 --name a-rfc2136`, then `zoneproof edit a --credential"
    " a-rfc2136 --renew`"
)


@pytest.mark.parametrize(
    ("settings", "options", "reason", "command"),
    [
        (
            "server = 192.0.2.1\ndns_rfc2136_name = key\ndns_rfc2136_secret = !!",
            {},
            "not base64",
            _SET,
        ),
        ("server = 192.0.2.1\ndns_rfc2136_algorithm = hmac-sha9", {}, "not a TSIG algorithm", _ADD),
        ("name = key", {}, "needs the field 'server'", _ADD),
        (
            "server = 192.0.2.1",
            {"dns_rfc2136_credentials": "/none/dns.ini"},
            "credentials of rfc2136 could not be read",
            _ADD,
        ),
        (
            "server = 192.0.2.1",
            {"authenticator": "webroot"},
            "is a wildcard",
            "`zoneproof edit a --provider SLUG --renew`",
        ),
    ],
    ids=["secret", "algorithm", "server", "no file", "wildcard by http-01"],
)
def test_what_cannot_work_is_kept_and_not_renewed_and_says_why(
    inside: Inside,
    folder: Path,
    settings: str,
    options: dict[str, str],
    reason: str,
    command: str,
) -> None:
    file = write(folder / "dns.ini", f"dns_rfc2136_{settings}\n")
    given = {"authenticator": "dns-rfc2136", "dns_rfc2136_credentials": str(file), **options}
    add_certbot(folder, "a", ("*.example.com",), webroot_path="/srv/www,", **given)
    told = inside.run("import", "certbot", str(folder), "--yes").stdout
    assert reason in told
    assert f"not renewed until it has a method that works: {command}" in told
    assert shown_definition(inside, "a")["renew"] is False


def test_a_webroot_that_is_not_on_this_machine_is_kept_and_not_renewed(
    inside: Inside, folder: Path
) -> None:
    add_certbot(folder, "a", ("a.example",), authenticator="webroot", webroot_path="/srv/none")
    told = inside.good("import", "certbot", str(folder), "--yes")
    assert "the webroot /srv/none is not a directory" in told
    assert "`zoneproof edit a --webroot FOLDER --renew`" in told
    definition = shown_definition(inside, "a")
    assert (definition["method"][0]["webroot"], definition["renew"]) == ("/srv/none", False)


def test_the_command_for_a_web_server_s_folder_is_told_once_with_the_name_that_is_used_here(
    inside: Inside, folder: Path
) -> None:
    add_certbot(folder, "my cert", ("a.example",), authenticator="nginx")
    told = inside.run("import", "certbot", str(folder), "--yes").stdout
    assert "'my cert' is called my-cert here" in told
    assert re.findall("`(zoneproof [^`]*)`", told) == [
        "zoneproof edit my-cert --webroot FOLDER --renew"
    ]


@pytest.mark.parametrize("word", ["False", "off", "no", "0"])
def test_what_certbot_did_not_renew_is_not_renewed_here(
    inside: Inside, folder: Path, word: str
) -> None:
    add_certbot(folder, "a", ("example.com",), authenticator="standalone", autorenew=word)
    told = inside.good("import", "certbot", str(folder), "--yes")
    assert "not renewed here either: `zoneproof edit a --renew` changes that" in told
    assert shown_definition(inside, "a")["renew"] is False


def test_a_licence_key_in_a_servers_url_is_a_secret(inside: Inside, folder: Path) -> None:
    url = f"https://auth.example.org/k/{SECRET}/"
    accounts = write(folder / "accounts.json", {"example.com": REGISTRATION})
    write(
        folder / "acmedns.ini",
        f"dns_acmedns_api_url = {url}\ndns_acmedns_registration_file = {accounts}\n",
    )
    add_certbot(
        folder,
        "example.com",
        ("example.com",),
        authenticator="dns-acmedns",
        dns_acmedns_credentials=str(folder / "acmedns.ini"),
    )
    told = inside.good("import", "certbot", str(folder), "--yes")
    assert SECRET not in told
    assert "dns-01 with the credential example.com-acme-dns" in told
    assert "example.com at https://auth.example.org" in told
    assert "d420c923.auth.example.org" in inside.good("registration", "list")


@pytest.mark.parametrize(
    ("plugin", "advice"),
    [
        ("dns-unheard-of", "example.com --credential example.com-dns-unheard-of --renew`"),
        ("nobody-knows-it", "example.com --provider SLUG --renew`"),
    ],
)
def test_without_a_provider_it_is_kept_and_not_renewed(
    inside: Inside, folder: Path, plugin: str, advice: str
) -> None:
    add_certbot(folder, "example.com", ("example.com", "*.example.com"), authenticator=plugin)
    told = inside.good("import", "certbot", str(folder), "--yes")
    assert f"`zoneproof edit {advice}" in told
    definition = shown_definition(inside, "example.com")
    assert definition["renew"] is False
    script = ("--field", "create=/bin/true", "--field", "delete=/bin/true")
    inside.good("edit", "example.com", "--provider", "script", *script, "--renew")
    assert inside.good("list", "--json").count('"valid"') == 1


def test_names_that_cover_each_other_are_a_problem_of_that_certificate_alone(
    inside: Inside, folder: Path
) -> None:
    add_certbot(folder, "wild", ("*.example.com", "www.example.com"), authenticator="dns-acmedns")
    add_certbot(folder, "good", ("example.org",), authenticator="webroot", webroot_path="/srv/www")
    for options in ((), ("--dry-run",), ("--json",)):
        assert inside.run("import", "certbot", str(folder), *options).status == 1
    result = inside.run("import", "certbot", str(folder), "--yes")
    assert result.status == 1
    assert "wild: www.example.com is covered by *.example.com" in result.stderr
    assert "zoneproof add --name wild" in result.stderr
    assert [one["name"] for one in json.loads(inside.good("list", "--json"))] == ["good"]


def test_a_key_of_another_certificate_is_not_taken(inside: Inside, folder: Path) -> None:
    add_certbot(folder, "example.com", ("example.com",), authenticator="standalone")
    write(folder / "live/example.com/privkey.pem", key_pair("example.com")[1])
    document = saved(inside, folder)
    assert ("files", "example.com") not in status_of(document)
    assert any(
        "privkey.pem is not its key" in line for item in document["items"] for line in item["lines"]
    )
    assert not (inside.home / "live/example.com").exists()


def test_what_differs_here_stays_unless_it_is_replaced(inside: Inside, folder: Path) -> None:
    inside.good("add", "example.com", "--provider", "manual", "--key-type", "rsa4096")
    add_certbot(folder, "example.com", ("example.com",), authenticator="standalone")
    document = saved(inside, folder)
    assert status_of(document)["certificate", "example.com"] == "differs"
    assert document["taken"] == 0
    assert shown_definition(inside, "example.com")["key_type"] == "rsa4096"
    assert saved(inside, folder, "--replace")["taken"] == 2
    assert shown_definition(inside, "example.com")["method"] == [
        {"challenge": "http-01", "listen": ":80"}
    ]


def test_where_nothing_is_an_error_says_what_was_looked_for(inside: Inside, tmp_path: Path) -> None:
    for client in ("certbot", "lego", "acme.sh"):
        result = inside.run("import", client, str(tmp_path / "nothing"), "--yes")
        assert result.status == 2
        assert str(tmp_path / "nothing") in result.stderr


def test_at_a_terminal_it_asks(folder: Path, tmp_path: Path) -> None:
    add_certbot(folder, "example.com", ("example.com",), authenticator="standalone")
    question = "Import 1 certificate, the files of 1? [y/N]: "
    home = {"ZONEPROOF_HOME": str(tmp_path / "home")}
    arguments = ["import", "certbot", str(folder)]
    assert run_at_terminal(arguments, [(question, "n")], home).status == 1
    result = run_at_terminal(arguments, [(question, "y")], home)
    assert result.status == 0, result.stdout
    assert "imported 1 certificate, the files of 1; nothing of certbot was changed" in (
        result.stdout
    )


def test_lego_keeps_no_provider_and_the_ca_of_an_old_account_is_given(
    inside: Inside, tmp_path: Path
) -> None:
    chain, key = key_pair("example.com")
    write(tmp_path / "certificates/example.com.crt", chain)
    write(tmp_path / "certificates/example.com.key", key)
    account = tmp_path / "accounts/ca.example.net_14000/me@example.com"
    write(account / "account.json", {"email": "me@example.com"})
    write(account / "keys/me@example.com.key", AccountKey.generate().to_pem())
    assert "--ca" in inside.run("import", "lego", str(tmp_path)).stderr
    url = "https://ca.example.net:14000/dir"
    told = inside.good("import", "lego", str(tmp_path), "--ca", url, "--yes")
    assert "'lego renew'" in told
    definition = shown_definition(inside, "example.com")
    assert (definition["account"], definition["renew"]) == (url, False)
    assert json.loads(inside.good("list", "--json"))[0]["status"] == "not renewed"


def test_acme_sh_is_taken_over(inside: Inside, tmp_path: Path) -> None:
    chain, key = key_pair("example.com")
    place = tmp_path / "ca/acme-v02.api.letsencrypt.org/directory"
    write(place / "account.key", AccountKey.generate().to_pem())
    write(place / "ca.conf", f"ACCOUNT_URL='{ACCOUNT_URL}'\nCA_EMAIL='me@example.com'\n")
    write(tmp_path / "account.conf", "AUTO_UPGRADE='1'\n")
    write(
        tmp_path / "example.com_ecc/example.com.conf",
        f"Le_Domain='example.com'\nLe_Alt='no'\nLe_Webroot='{tmp_path}'\nLe_Keylength='ec-256'\n"
        f"Le_API='{LETS_ENCRYPT}'\n",
    )
    write(tmp_path / "example.com_ecc/fullchain.cer", chain)
    write(tmp_path / "example.com_ecc/example.com.key", key)
    told = inside.good("import", "acme.sh", str(tmp_path), "--yes")
    assert f"http-01, files below {tmp_path}" in told
    assert "acme.sh --uninstall-cronjob" in told
    assert json.loads(inside.good("list", "--json"))[0]["status"] == "valid"
    assert "from acme.sh" in inside.good("history", "example.com")
