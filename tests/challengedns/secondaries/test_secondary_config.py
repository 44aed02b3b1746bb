"""What can be wrong with a secondary in the configuration is told in one line."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import msgspec
import pytest

from tests.support.challenge_service import challenge_command, write_config
from tests.support.secondaries import OTHER_SECRET, SECRET
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.config_file import File
from zoneproof.challengedns.runtime.privileges import check_access
from zoneproof.challengedns.secondaries.barrier import SecondaryBarrier
from zoneproof.core.errors import ConfigError
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint


def with_section(folder: Path, *sections: str) -> Path:
    path = write_config(folder)
    text = path.read_text() + "".join(f"[[secondaries]]\n{section}\n" for section in sections)
    path.write_text(text)
    return path


def section(**fields: object) -> str:
    known: dict[str, object] = {
        "address": "192.0.2.7:53",
        "key": "transfer",
        "secret": SECRET,
        **fields,
    }
    return "\n".join(
        f"{name} = {value}" if isinstance(value, list) else f'{name} = "{value}"'
        for name, value in known.items()
        if value is not None
    )


def test_a_minimal_secondary_gets_the_defaults(tmp_path: Path) -> None:
    (found,) = load_config(with_section(tmp_path, section(key="Transfer."))).secondaries
    assert found.name == "192.0.2.7:53"
    assert found.key == "transfer"
    assert found.algorithm == "hmac-sha256"
    assert [zone.text for zone in found.zones] == [
        "auth.example.org",
        "example.com",
        "inner.deep.example.com",
    ]
    assert [str(each) for each in found.transfer_from] == ["192.0.2.7/32"]
    assert found.name_servers == (Endpoint("192.0.2.7", 53),)
    assert found.wait == 5
    assert len(found.secret()) == 32
    assert SECRET not in repr(found)


def test_everything_can_be_said(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    text = section(
        address="[2001:db8::7]:5353",
        algorithm="hmac-sha512",
        secret=None,
        secret_file="key",
        zones=["auth.example.org"],
        transfer_from=["192.0.2.0/24", "2001:db8::8"],
        name_servers=["198.51.100.1:53", "[2001:db8::9]:53"],
        wait="20s",
    )
    (found,) = load_config(with_section(tmp_path, text)).secondaries
    assert found.zones == (DomainName("auth.example.org"),)
    assert [str(each) for each in found.transfer_from] == [
        "2001:db8::7/128",
        "192.0.2.0/24",
        "2001:db8::8/128",
    ]
    assert len(found.name_servers) == 2
    assert found.wait == 20
    assert len(found.secret()) == 32


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"address": "192.0.2.7"}, "'secondaries[0].address': '192.0.2.7' is not an address"),
        ({"address": "0.0.0.0:53"}, "'secondaries[0].address': '0.0.0.0:53' is not where"),
        ({"address": "192.0.2.7:0"}, "'secondaries[0].address': '192.0.2.7:0' is not where"),
        ({"key": "two words"}, "'secondaries[0].key': 'two words' is not a valid name"),
        ({"key": ""}, "'secondaries[0].key': '' is not a valid name"),
        ({"algorithm": "hmac-md5"}, "'secondaries[0].algorithm': 'hmac-md5' cannot be used"),
        ({"secret": "c2hvcnQ="}, "'secondaries[0].secret': the key's secret has 5 bytes"),
        ({"secret": "no base64!"}, "'secondaries[0].secret': the key's secret is not base64"),
        ({"secret": None}, "'secondaries[0]': give either 'secret' or 'secret_file'"),
        ({"secret_file": "x"}, "'secondaries[0]': give either 'secret' or 'secret_file'"),
        ({"zones": ["example.net"]}, "'secondaries[0].zones': example.net is none of"),
        ({"transfer_from": ["somewhere"]}, "'secondaries[0].transfer_from': 'somewhere' is not"),
        ({"name_servers": ["ns:53"]}, "'secondaries[0].name_servers': 'ns:53' is not an address"),
        ({"wait": "1h"}, "'secondaries[0].wait': '1h' must be from 1s to 30s"),
        ({"wait": "0s"}, "'secondaries[0].wait': '0s' must be from 1s to 30s"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    path = with_section(tmp_path, section(**fields))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.message.startswith(f"{path}: {said}")
    assert "\n" not in caught.value.message


def test_two_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape("192.0.2.7:53 is listed twice")):
        load_config(with_section(tmp_path, section(), section()))
    other = section(address="192.0.2.8:53", secret=OTHER_SECRET)
    with pytest.raises(ConfigError, match=r"the key 'transfer' is another one at 192\.0\.2\.7:53"):
        load_config(with_section(tmp_path, section(), other))


def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = with_section(tmp_path, section(secret=None, secret_file="key"))
    with pytest.raises(ConfigError, match=r"secondary 192\.0\.2\.7:53: .* does not exist"):
        check_access(load_config(path), "somebody")
    checked = challenge_command(path, "serve", "--check")
    assert checked.status != 0
    assert "secondary 192.0.2.7:53: 'secret_file'" in checked.stdout + checked.stderr
    served = challenge_command(path, "serve")
    assert served.status == 2
    assert len(served.stderr.splitlines()) == 1

    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "key").chmod(0o644)
    checked = challenge_command(path, "serve", "--check")
    assert "can be read by others" in checked.stdout + checked.stderr
    assert SECRET not in checked.stdout + checked.stderr
    # Commands that need no key work all the same.
    assert challenge_command(path, "registration", "list").status == 0


def test_the_check_tells_of_secondaries_that_do_not_answer(tmp_path: Path) -> None:
    checked = challenge_command(
        with_section(tmp_path, section(address="127.0.0.1:1", zones=["auth.example.org"])),
        "serve",
        "--check",
    )
    assert "secondary 127.0.0.1:1 for auth.example.org: 127.0.0.1:1 does not answer" in (
        " ".join(checked.stdout.split())
    )


def test_nothing_that_holds_the_secret_shows_it(tmp_path: Path) -> None:
    path = with_section(tmp_path, section())
    config = load_config(path)
    barrier = SecondaryBarrier()
    (prepared,) = barrier.prepare(config)
    barrier.close()
    assert prepared.secret == base64.b64decode(SECRET)
    file = msgspec.toml.decode(path.read_bytes(), type=File)
    assert file.secondaries[0].secret == SECRET
    for each in (file, config, prepared):
        assert SECRET not in repr(each)
        assert str(prepared.secret) not in repr(each)


async def test_reloads_that_fail_keep_no_places(tmp_path: Path) -> None:
    def config(turn: int) -> Config:
        sections = [section(address=f"192.0.2.{host}:{5300 + turn}") for host in range(1, 33)]
        return load_config(with_section(tmp_path, *sections))

    barrier = SecondaryBarrier()
    running = barrier.prepare(config(0))
    barrier.use(running)
    for turn in range(1, 4):
        prepared = barrier.prepare(config(turn))
        assert len({each.slot for each in (*running, *prepared)}) == 64
    again = barrier.prepare(config(0))
    assert [each.slot for each in again] == [each.slot for each in running]
    barrier.close()
