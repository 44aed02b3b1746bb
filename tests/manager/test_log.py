"""The log file of each certificate: private, bounded, and never in the way of a renewal."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from zoneproof.core.errors import AwaitingUserError, InvalidInputError
from zoneproof.issuance import Event, OrderCreated, Warned
from zoneproof.manager.certificates.log import CertificateLogs
from zoneproof.manager.settings import LogSettings

NAME = "example.com"


def ignore(_: Event) -> None:
    """Take an event."""


def read(home: Path, name: str = NAME) -> str:
    return (home / f"logs/{name}.log").read_text()


def write(logs: CertificateLogs, *texts: str, name: str = NAME) -> list[Event]:
    told: list[Event] = []
    with logs.following(name, "an order", told.append) as emit:
        for text in texts:
            emit(Warned(text))
    return told


def test_it_holds_what_happens_in_the_order_of_events_and_passes_it_on(tmp_path: Path) -> None:
    logs = CertificateLogs(tmp_path, LogSettings())
    told: list[Event] = []
    with logs.following(NAME, "example.com with the account work", told.append) as emit:
        emit(OrderCreated("https://ca.example/order/1", (NAME,)))
        logging.getLogger("zoneproof.acme").debug("POST %s: %d", "https://ca.example/x", 201)
        emit(Warned("slow\x1b[31m"))
    lines = [line.partition("  ")[2] for line in read(tmp_path).splitlines()]
    assert lines[0].endswith(f"(process {os.getpid()}): example.com with the account work")
    assert lines[1:] == [
        "order placed for example.com (https://ca.example/order/1)",
        "POST https://ca.example/x: 201",
        "warning: slow\\x1b[31m",
    ]
    assert len(told) == 2


def test_an_error_and_the_records_that_it_asks_for_are_the_last_lines(tmp_path: Path) -> None:
    logs = CertificateLogs(tmp_path, LogSettings())
    error = AwaitingUserError("create it", records=("a. IN CNAME b.",))
    with pytest.raises(AwaitingUserError), logs.following(NAME, "an order", ignore):
        raise error
    assert [line.partition("  ")[2] for line in read(tmp_path).splitlines()[1:]] == [
        "AwaitingUserError: create it",
        "  a. IN CNAME b.",
    ]


def test_requests_of_other_certificates_and_after_the_order_are_not_in_it(tmp_path: Path) -> None:
    logs = CertificateLogs(tmp_path, LogSettings())
    write(logs, "one")
    logging.getLogger("zoneproof.acme").debug("GET nothing")
    write(logs, "two", name="other.example")
    assert "GET" not in read(tmp_path)
    assert "two" not in read(tmp_path)
    assert "two" in read(tmp_path, "other.example")


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(CertificateLogs(tmp_path, LogSettings()), "one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / f"logs/{NAME}.log").stat().st_mode) == 0o600


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_it_is_bounded_and_so_many_older_files_are_kept(tmp_path: Path, keep: int) -> None:
    logs = CertificateLogs(tmp_path, LogSettings(max_bytes=10_000, keep=keep))
    for number in range(60):
        write(logs, *(f"{number} {part} {'x' * 500}" for part in range(2)))
    files = sorted((tmp_path / "logs").iterdir())
    assert [one.name for one in files] == [
        f"{NAME}.log",
        *(f"{NAME}.log.{number}" for number in range(1, keep + 1)),
    ]
    assert all(one.stat().st_size <= 10_000 for one in files)
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in files)
    numbers = [
        int(line.split()[2])
        for one in reversed(files)
        for line in one.read_text().splitlines()
        if "warning" in line
    ]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 59


def test_the_folder_can_be_elsewhere_and_there_can_be_none(tmp_path: Path) -> None:
    elsewhere = tmp_path / "var/log"
    write(CertificateLogs(tmp_path / "home", LogSettings(folder=str(elsewhere))), "one")
    assert "one" in (elsewhere / f"{NAME}.log").read_text()
    none = CertificateLogs(tmp_path / "home", LogSettings(enabled=False))
    assert len(write(none, "one")) == 1
    assert none.path(NAME) is None
    assert not (tmp_path / "home").exists()


def test_one_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")
    told = write(CertificateLogs(tmp_path, LogSettings()), "one", "two")
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert warnings[1:] == ["one", "two"]
    assert f"the log {tmp_path}/logs/{NAME}.log cannot be written" in warnings[0]
    assert "log.folder" in warnings[0]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "logs").mkdir()
    (tmp_path / f"logs/{NAME}.log").symlink_to(target)
    assert len(write(CertificateLogs(tmp_path, LogSettings()), "one")) == 2
    assert target.read_text() == "mine"


def test_it_goes_with_its_older_files(tmp_path: Path) -> None:
    logs = CertificateLogs(tmp_path, LogSettings(max_bytes=10_000, keep=2))
    for number in range(60):
        write(logs, f"{number} {'x' * 500}")
    logs.remove(NAME)
    assert list((tmp_path / "logs").iterdir()) == []
    logs.remove("none.example")


@pytest.mark.parametrize(
    "settings",
    [LogSettings(folder=""), LogSettings(max_bytes=1), LogSettings(keep=-1), LogSettings(keep=101)],
)
def test_settings_that_cannot_be_are_refused(settings: LogSettings) -> None:
    with pytest.raises(InvalidInputError, match=r"log\."):
        settings.check()


def test_a_named_pipe_in_its_place_is_told_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / f"logs/{NAME}.log")
    told = write(CertificateLogs(tmp_path, LogSettings()), "one", "two")
    assert len(told) == 3
    assert "cannot be written: No such device or address" in str(told[0])
