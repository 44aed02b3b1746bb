"""Coming from certbot with what certbot itself wrote, and renewing with the same account."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.peers.certbot import certonly
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.trees import write
from tests.support.world import World, open_world, zone_text
from zoneproof.testing.ports import free_port


def tree_state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file's content and when it was changed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.lstat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
