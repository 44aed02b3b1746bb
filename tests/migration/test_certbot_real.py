"""A folder that certbot itself wrote, with certificates and an account from Pebble."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acme.pebble_client import doze
from tests.support.peers.certbot import certonly
from zoneproof.acme import AcmeClient
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found, FoundCertificate
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    environment = {"PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def folder(pebble: Pebble, port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """certbot's folder, in which an administrator made three certificates."""
    home = tmp_path_factory.mktemp("letsencrypt")
    roots = [tmp_path_factory.mktemp(name) for name in ("www", "other")]
    certonly(
        pebble,
        home,
        "--email=admin@example.com",
        "--manual",
        "--preferred-challenges=dns",
        "--manual-auth-hook=/bin/true '#', \"quoted\"",
        "--manual-cleanup-hook=/bin/true",
        "--deploy-hook=systemctl reload nginx",
        "--cert-name=wild",
        "--domain=example.com,*.example.com",
        "--key-type=ecdsa",
        "--elliptic-curve=secp384r1",
        "--reuse-key",
    )
    certonly(
        pebble,
        home,
        "--webroot",
        f"--webroot-path={roots[0]}",
        "--domain=www.example.org",
        f"--webroot-path={roots[1]}",
        "--domain=example.org",
        "--key-type=rsa",
        "--rsa-key-size=3072",
    )
    certonly(
        pebble,
        home,
        "--standalone",
        f"--http-01-port={port}",
        "--domain=standalone.example.net",
    )
    return home


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return read_certbot(folder)


def one(found: Found, name: str) -> FoundCertificate:
    return next(certificate for certificate in found.certificates if certificate.name == name)


def test_everything_is_read(found: Found) -> None:
    assert found.problems == ()
    assert {certificate.name for certificate in found.certificates} == {
        "wild",
        "www.example.org",
        "standalone.example.net",
    }
    assert len(found.accounts) == 1


async def test_the_account_key_signs_in_as_the_same_account(found: Found, pebble: Pebble) -> None:
    account = found.accounts[0]
    assert account.directory_url == pebble.directory_url
    async with AcmeClient(
        account.directory_url, account.key, ca_bundle=pebble.ca_bundle, sleep=doze
    ) as client:
        there = await client.find_account()
    assert there.url == account.account_url
    assert there.status == "valid"


def test_names_and_keys_are_those_of_the_certificate(found: Found, pebble: Pebble) -> None:
    wild = one(found, "wild")
    assert {str(name) for name in wild.identifiers} == {"example.com", "*.example.com"}
    assert (wild.key_type, wild.reuse_key) == ("ec384", True)
    assert wild.directory_url == pebble.directory_url
    assert one(found, "www.example.org").key_type == "rsa3072"
    assert one(found, "standalone.example.net").key_type == "ec256"


def test_the_files_in_use_are_named(found: Found, folder: Path) -> None:
    wild = one(found, "wild")
    assert wild.chain_pem == folder / "live/wild/fullchain.pem"
    assert wild.private_key == folder / "live/wild/privkey.pem"
    assert wild.source == folder / "renewal/wild.conf"


def test_hooks_become_tasks_or_are_named_as_what_is_left_to_do(found: Found) -> None:
    wild = one(found, "wild")
    assert (wild.method.challenge, wild.method.provider) == ("dns-01", "")
    assert any("manual_auth_hook" in note for note in wild.notes)
    (task,) = (one.definition for one in wild.tasks)
    assert (task.task, task.fields) == ("systemd", {"unit": "nginx", "action": "reload"})


def test_webroots_are_carried_over(found: Found) -> None:
    webroot = one(found, "www.example.org")
    assert webroot.method.challenge == "http-01"
    assert Path(webroot.method.webroot).name.startswith("www")
    assert any("several webroots" in note for note in webroot.notes)


def test_standalone_becomes_a_listener(found: Found, port: int) -> None:
    standalone = one(found, "standalone.example.net")
    assert (standalone.method.challenge, standalone.method.webroot) == ("http-01", "")
    assert standalone.method.listen == f":{port}"
    (note,) = standalone.notes  # of the first certificate of a CA that nobody knows
    assert note.endswith(f"`zoneproof renew {standalone.name} --ca-bundle FILE`")


def test_a_copy_of_the_folder_is_read_as_well(folder: Path, tmp_path: Path, found: Found) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
    again = read_certbot(copy)
    assert [certificate.identifiers for certificate in again.certificates] == [
        certificate.identifiers for certificate in found.certificates
    ]
