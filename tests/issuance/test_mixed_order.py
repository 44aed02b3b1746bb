"""One order with several providers and challenge types, against Pebble, Knot and our service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import msgspec
import pytest

from tests.issuance.run_order import (
    BY_ACME_DNS,
    BY_LISTENER,
    BY_RFC2136,
    BY_WEBROOT,
    Settings,
    obtain,
)
from tests.support.client_world import ClientWorld, open_client_world
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.web_server import web_server
from zoneproof.core.errors import (
    AwaitingUserError,
    HttpResponderError,
    OrderFailedError,
    StorageError,
)
from zoneproof.issuance import (
    AnswerServed,
    Event,
    FileRemoved,
    Journal,
    PublishedRecord,
    RecordPublished,
    RecordRemoved,
    Warned,
)

SITE = "127.0.0.3"


def add_record(world: ClientWorld, owner: str, rdtype: str, data: str) -> None:
    keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
    update = dns.update.UpdateMessage("example.com", keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
    update.replace(f"{owner}.", 60, rdtype, data)
    reply = dns.query.tcp(update, world.knot.address, port=world.knot.port, timeout=5)
    assert reply.rcode() == dns.rcode.NOERROR, reply


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    with open_client_world(tmp_path_factory.mktemp("world")) as servers:
        add_record(servers, BY_LISTENER, "A", "127.0.0.1")
        add_record(servers, BY_WEBROOT, "A", SITE)
        yield servers


@pytest.fixture
def settings(world: ClientWorld, tmp_path: Path) -> Iterator[Settings]:
    """Settings for all four names, while a web server serves the webroot."""
    webroot = tmp_path / "webroot"
    webroot.mkdir()
    with web_server(webroot, SITE, world.pebble.http_port):
        yield Settings(
            home=str(tmp_path / "home"),
            directory_url=world.pebble.directory_url,
            ca_bundle=str(world.pebble.ca_bundle),
            resolver=f"127.0.0.1:{world.unbound.port}",
            authoritative_port=world.knot.port,
            rfc2136={
                "server": "127.0.0.1",
                "port": str(world.knot.port),
                "key_name": TSIG_NAME,
                "secret": TSIG_SECRET,
                "algorithm": TSIG_ALGORITHM,
            },
            acme_dns={"server": world.service.url},
            http_address="127.0.0.1",
            http_port=world.pebble.http_port,
            webroot=str(webroot),
            names=[BY_RFC2136, BY_ACME_DNS, BY_LISTENER, BY_WEBROOT],
        )


async def with_its_cname(world: ClientWorld, settings: Settings) -> None:
    """Register the delegated name, and create the CNAME that is asked for."""
    with pytest.raises(AwaitingUserError) as caught:
        await obtain(settings, lambda _: None)
    (record,) = caught.value.records
    owner, _, _, target = record.split()
    add_record(world, owner.removesuffix("."), "CNAME", target)


def run_until_killed(settings: Settings, folder: Path, event: str) -> None:
    path = folder / "settings.json"
    path.write_bytes(msgspec.json.encode(settings))
    done = subprocess.run(
        [sys.executable, "-m", "tests.issuance.run_order", str(path), event],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -9, done.stderr


def is_clean(world: ClientWorld, settings: Settings) -> bool:
    values = world.txt_values("_acme-challenge.example.com")
    return not values and list(Path(settings.webroot).iterdir()) == []


async def test_each_name_is_validated_in_its_own_way(
    world: ClientWorld, settings: Settings
) -> None:
    await with_its_cname(world, settings)
    events: list[Event] = []
    issued = await obtain(settings, events.append)
    assert set(issued.chain.names) == set(settings.names)
    published = [event.provider for event in events if isinstance(event, RecordPublished)]
    assert sorted(published) == ["acme-dns", "rfc2136"]
    served = {event.identifier: event.where for event in events if isinstance(event, AnswerServed)}
    assert served == {
        BY_LISTENER: f"a listener at 127.0.0.1 port {settings.http_port}",
        BY_WEBROOT: f"files below {settings.webroot}",
    }
    removed = [type(event) for event in events if isinstance(event, RecordRemoved | FileRemoved)]
    assert sorted(kind.__name__ for kind in removed) == [
        "FileRemoved",
        "RecordRemoved",
        "RecordRemoved",
    ]
    assert is_clean(world, settings)


@pytest.mark.parametrize("event", ["answer_served", "challenges_answered"])
async def test_a_killed_run_leaves_files_that_the_next_one_removes(
    world: ClientWorld, settings: Settings, tmp_path: Path, event: str
) -> None:
    settings.names = [BY_RFC2136, BY_LISTENER, BY_WEBROOT]
    run_until_killed(settings, tmp_path, event)
    if event == "challenges_answered":
        assert not is_clean(world, settings)
    issued = await obtain(settings, lambda _: None)
    assert set(issued.chain.names) == set(settings.names)
    assert is_clean(world, settings)


async def test_a_port_that_is_taken_ends_the_run_and_leaves_nothing(
    world: ClientWorld, settings: Settings
) -> None:
    settings.names = [BY_RFC2136, BY_LISTENER, BY_WEBROOT]
    settings.http_address = SITE  # where the web server listens
    with pytest.raises(HttpResponderError, match=r"127\.0\.0\.3 port \d+: another program listens"):
        await obtain(settings, lambda _: None)
    assert is_clean(world, settings)
    settings.http_address = "127.0.0.1"
    await obtain(settings, lambda _: None)


async def test_the_cas_reason_is_told_when_the_webroot_is_the_wrong_one(
    world: ClientWorld, settings: Settings
) -> None:
    """The web server serves another folder than the one that was named."""
    settings.names = [BY_WEBROOT]
    elsewhere = Path(settings.webroot).parent / "elsewhere"
    elsewhere.mkdir()
    settings.webroot = str(elsewhere)
    with pytest.raises(OrderFailedError, match=r"site\.in\.example\.com.*404"):
        await obtain(settings, lambda _: None)
    assert list(elsewhere.iterdir()) == []


async def test_a_removal_that_cannot_be_noted_down_costs_no_certificate(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: Journal, publication: PublishedRecord) -> None:
        raise StorageError(f"cannot note that {publication.full_name} is free")

    settings.names = [BY_RFC2136]
    events: list[Event] = []
    with monkeypatch.context() as full:
        full.setattr(Journal, "forget", forget, raising=False)
        assert (await obtain(settings, events.append)).chain.names
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert [text for text in warnings if not text.startswith("CAA")] == [
        "cannot note that _acme-challenge.example.com is free; the next run removes what may"
        " still be published"
    ]
    (left,) = (event.value for event in events if isinstance(event, RecordPublished))
    await obtain(settings, events.append)
    assert left in [event.value for event in events if isinstance(event, RecordRemoved)]
