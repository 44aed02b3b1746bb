"""Coming from certbot, lego and acme.sh: preview, saving, and renewing with the same account."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal
from tests.support.peers.certbot import certonly
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.trees import (
    ACCOUNT_URL,
    LETS_ENCRYPT,
    REGISTRATION,
    SECRET,
    key_pair,
    write,
)
from tests.support.world import World, open_world, zone_text
from zoneproof.acme import AccountKey
from zoneproof.testing.ports import free_port


def tree_state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file's content and when it was changed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.lstat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- with a real certbot -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def world(http_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {"example.com": zone_text("example.com", "alone A 127.0.0.1")}
    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with open_world(
        tmp_path_factory.mktemp("world"),
        zones,
        pebble_environment=environment,
        pebble_config={"httpPort": http_port},
    ) as opened:
        opened.write_settings()
        yield opened


@pytest.fixture(scope="module")
def letsencrypt(world: World, http_port: int) -> Path:
    """certbot's folder: one certificate by its own listener, one as its rfc2136 plugin writes."""
    folder = world.folder / "letsencrypt"
    certonly(
        world.pebble,
        folder,
        "--email=admin@example.com",
        "--standalone",
        f"--http-01-port={http_port}",
        "--domain=alone.example.com",
    )
    hook = (
        f"{sys.executable} -m tests.support.change_txt {world.knot.port} add"
        " _acme-challenge.$CERTBOT_DOMAIN $CERTBOT_VALIDATION"
    )
    certonly(
        world.pebble,
        folder,
        "--manual",
        "--preferred-challenges=dns",
        f"--manual-auth-hook={hook}",
        f'--deploy-hook=echo "$RENEWED_LINEAGE" >>{world.folder}/hooked',
        "--domain=example.com,*.example.com",
        "--cert-name=wild",
        "--key-type=rsa",
    )
    credentials = write(
        folder / "rfc2136.ini",
        "dns_rfc2136_server = 127.0.0.1\n"
        f"dns_rfc2136_port = {world.knot.port}\n"
        f"dns_rfc2136_name = {TSIG_NAME}\n"
        f"dns_rfc2136_secret = {TSIG_SECRET}\n"
        f"dns_rfc2136_algorithm = {TSIG_ALGORITHM.upper()}\n",
    )
    renewal = folder / "renewal/wild.conf"
    renewal.write_text(
        "".join(
            line
            for line in renewal.read_text().splitlines(keepends=True)
            if not line.startswith(("authenticator", "manual_", "pref_challs"))
        )
        + f"authenticator = dns-rfc2136\ndns_rfc2136_credentials = {credentials}\n"
    )
    return folder


def account_url(folder: Path) -> str:
    """Return the URL of the account that certbot made."""
    found = next((folder / "accounts").rglob("regr.json"))
    return str(json.loads(found.read_text())["uri"])


@pytest.fixture(scope="module")
def imported(world: World, letsencrypt: Path) -> World:
    """The world after certbot's folder was taken over."""
    result = world.run("import", "certbot", str(letsencrypt), "--yes")
    assert result.status == 0, result.stderr + result.stdout
    assert "next: zoneproof preview --all" in result.stdout
    assert "certbot.timer" in result.stdout or "list-timers" in result.stdout
    assert TSIG_SECRET not in result.stdout + result.stderr
    return world


def test_without_a_yes_certbots_folder_is_only_shown(
    world: World, letsencrypt: Path, tmp_path: Path
) -> None:
    before = tree_state(letsencrypt)
    home = {"ZONEPROOF_HOME": str(tmp_path)}
    result = world.run("import", "certbot", str(letsencrypt), environment=home)
    assert result.status == 0, result.stderr
    assert "example.com, *.example.com" in result.stdout
    assert "dns-01 with the credential wild-rfc2136" in result.stdout
    assert account_url(letsencrypt) in result.stdout
    assert "nothing was changed: this was a preview; --yes imports" in result.stdout
    assert TSIG_SECRET not in result.stdout + result.stderr
    assert json.loads(world.run("list", "--json", environment=home).stdout) == []
    assert tree_state(letsencrypt) == before


def test_what_was_taken_over_is_valid_until_its_time(imported: World, letsencrypt: Path) -> None:
    listed = {one["name"]: one for one in json.loads(imported.run("list", "--json").stdout)}
    assert {name: one["status"] for name, one in listed.items()} == {
        "alone.example.com": "valid",
        "wild": "valid",
    }
    for name in listed:
        for file in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"):
            ours = imported.home / "live" / name / file
            assert ours.is_symlink()
            assert ours.read_bytes() == (letsencrypt / "live" / name / file).read_bytes()
        assert (imported.home / "live" / name / "privkey.pem").stat().st_mode & 0o777 == 0o600


def test_a_second_time_there_is_nothing_to_take_over(imported: World, letsencrypt: Path) -> None:
    before = tree_state(imported.home / "live"), tree_state(letsencrypt)
    result = imported.run("import", "certbot", str(letsencrypt), "--yes")
    assert (result.status, result.stderr) == (0, "")
    assert "nothing to import: everything is already here" in result.stdout
    assert (tree_state(imported.home / "live"), tree_state(letsencrypt)) == before


@pytest.mark.parametrize("name", ["wild", "alone.example.com"])
def test_it_is_renewed_with_the_account_that_certbot_made(
    imported: World, letsencrypt: Path, name: str
) -> None:
    before = (imported.home / "live" / name / "cert.pem").read_bytes()
    bundle = f"--ca-bundle={imported.pebble.ca_bundle}"
    result = imported.run("renew", "--force", name, "--json", bundle)
    assert result.status == 0, result.stdout + result.stderr
    assert (imported.home / "live" / name / "cert.pem").read_bytes() != before
    assert accounts_of_orders(imported) == {account_url(letsencrypt)}
    again = imported.run("import", "certbot", str(letsencrypt), "--yes", "--replace")
    assert "the certificate here is newer, and is kept" in again.stdout
    assert (imported.home / "live" / name / "cert.pem").read_bytes() != before


def test_a_deploy_hook_is_run_for_the_next_certificate(imported: World, letsencrypt: Path) -> None:
    hooked = imported.folder / "hooked"
    (task,) = imported.shown("wild")["definition"]["deploy"]
    assert (task["task"], task["credential"]) == ("command", f"wild-{task['name']}")
    assert "hooked" not in imported.good("list", "--toml")
    before = hooked.read_text().splitlines()
    assert before[0] == str(letsencrypt / "live/wild")  # by certbot itself
    bundle = f"--ca-bundle={imported.pebble.ca_bundle}"
    result = imported.run("renew", "--force", "wild", bundle)
    assert result.status == 0, result.stderr
    assert hooked.read_text().splitlines() == [*before, str(imported.home / "live/wild")]
    imported.good("renew")
    assert len(hooked.read_text().splitlines()) == len(before) + 1


def test_an_account_whose_url_is_lost_is_found_by_its_key(
    world: World, letsencrypt: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(letsencrypt, tmp_path / "letsencrypt", symlinks=True)
    next((folder / "accounts").rglob("regr.json")).unlink()
    home = {"ZONEPROOF_HOME": str(tmp_path / "home")}
    told = world.run("import", "certbot", str(folder), "--yes", environment=home)
    assert told.status == 1
    assert "regr.json" in told.stderr
    renewed = world.run(
        "renew",
        "--force",
        "alone.example.com",
        f"--ca-bundle={world.pebble.ca_bundle}",
        *world.dns_options,
        environment=home,
    )
    assert renewed.status == 0, renewed.stdout + renewed.stderr
    accounts = json.loads(world.run("account", "list", "--json", environment=home).stdout)
    assert [one["account_url"] for one in accounts] == [account_url(letsencrypt)]


def accounts_of_orders(world: World) -> set[str]:
    """Return the URLs of the accounts with which orders were placed."""
    with closing(sqlite3.connect(world.home / "state.sqlite3")) as database:
        return {url for (url,) in database.execute("SELECT account_url FROM orders")}


# --- with files as other clients write them ----------------------------------------------------


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
    assert inside.run("import", "certbot", str(folder)).status == 0
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
