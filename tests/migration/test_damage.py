"""Every file of every client's folder, damaged in every way: the reader still says what it can."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from josepy.jwk import JWKRSA

from tests.migration import acme_sh_folder, certbot_folder, lego_folder
from tests.support.rsa_keys import private_key
from tests.support.trees import REGISTRATION, SECRET, write
from zoneproof.acme import AccountKey
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found
from zoneproof.migration.lego import read_lego
from zoneproof.migration.registrations import read_registrations

Reader = Callable[[Path], Found]
Damage = Callable[[Path], None]


@pytest.fixture(scope="module", autouse=True)
def _keys_read_once() -> Iterator[None]:
    """Reading an RSA key means checking its primes, which takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccountKey, "from_jwk", cache(AccountKey.from_jwk))
        yield


def certbot(folder: Path) -> Reader:
    certbot_folder.account(folder, JWKRSA(key=private_key(0)))
    write(folder / "acme.ini", f"dns_acmedns_registration_file = {folder}/acme.json\n")
    write(folder / "acme.json", {"example.com": REGISTRATION})
    certbot_folder.renewal(
        folder, f"authenticator = dns-acmedns\ndns_acmedns_credentials = {folder}/acme.ini"
    )
    return read_certbot


def lego(folder: Path) -> Reader:
    lego_folder.lego4(folder)
    lego_folder.lego5(folder)
    lego_folder.one_certificate(folder)
    return read_lego


def acme_sh(folder: Path) -> Reader:
    key = write(folder / "tsig.key", f'key "acme" {{ algorithm hmac-sha512; secret "{SECRET}"; }};')
    acme_sh_folder.home(folder, SAVED_NSUPDATE_KEY=str(key))
    acme_sh_folder.certificate_of(folder, Le_Webroot="dns_nsupdate")
    return read_acme_sh


def registrations(folder: Path) -> Reader:
    write(folder / "a.json", {"example.com": {**REGISTRATION, "server_url": "https://a.example"}})
    write(folder / "YXV0aC5leGFtcGxlLm9yZw_example.net.json", REGISTRATION)
    return read_registrations


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_in_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def another_encoding(path: Path) -> None:
    path.write_bytes(path.read_bytes().decode().encode("utf-16"))


def repeated(path: Path) -> None:
    path.write_bytes(path.read_bytes() * (2_000_000 // max(1, path.stat().st_size)))


def removed(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def a_link_upwards(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent)


def null_json(path: Path) -> None:
    path.write_bytes(b"null")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("make", [certbot, lego, acme_sh, registrations])
def test_the_tree_is_in_order_before(tmp_path: Path, make: Callable[[Path], Reader]) -> None:
    found = make(tmp_path)(tmp_path)
    assert all(problem.endswith("give its URL with --server") for problem in found.problems)


@pytest.mark.parametrize(
    "damage",
    [
        emptied,
        cut_in_half,
        another_encoding,
        repeated,
        removed,
        a_folder,
        a_pipe,
        a_link_to_itself,
        a_link_upwards,
        null_json,
    ],
)
@pytest.mark.parametrize("make", [certbot, lego, acme_sh, registrations])
def test_damage_is_survived(tmp_path: Path, make: Callable[[Path], Reader], damage: Damage) -> None:
    for number in range(100):
        folder = tmp_path / str(number)
        read = make(folder)
        damaged = files(folder)
        if number >= len(damaged):
            break
        damage(damaged[number])
        check(read(folder))
        shutil.rmtree(folder)
    else:
        pytest.fail("there are more files than were damaged")


@pytest.mark.parametrize("make", [lego, acme_sh, registrations])
@given(which=st.integers(0, 20), where=st.integers(0, 100), added=st.binary(max_size=20))
def test_any_bytes_are_survived(
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[[Path], Reader],
    which: int,
    where: int,
    added: bytes,
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    read = make(folder)
    candidates = files(folder)
    path = candidates[which % len(candidates)]
    content = path.read_bytes()
    at = len(content) * where // 100
    path.write_bytes(content[:at] + added + content[at + 5 :])
    check(read(folder))


def check(found: Found) -> None:
    """What is said is one line each, and tells no secret."""
    for line in (*found.problems, *found.notes):
        assert line.isprintable()
        assert SECRET not in line
    assert SECRET not in repr(found)
