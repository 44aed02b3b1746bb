"""A log file for each certificate: all that its orders did, kept for the morning after.

It says what a terminal would, with every request to the CA, and so no secret. The file is private,
bounded and rotated. A log that cannot be written is no reason not to renew.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from zoneproof import __version__
from zoneproof.core import times
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.files import LARGEST_LIST, read_file
from zoneproof.core.text import printable
from zoneproof.issuance import Emit, Event, Warned
from zoneproof.issuance.event_texts import News, describe_in_full
from zoneproof.manager.settings import LogSettings

_writes: ContextVar[Callable[[str], None] | None] = ContextVar("_writes", default=None)
_LONGEST = 4000  # characters of one line


class _ToLogFile(logging.Handler):
    """Writes what is logged while a certificate is worked on into that certificate's file."""

    def emit(self, record: logging.LogRecord) -> None:
        write = _writes.get()
        if write:
            write(record.getMessage())


_HANDLER = _ToLogFile()  # which tells by the task whose log it is, so one is enough
_REQUESTS = "zoneproof.acme"


class CertificateLogs:
    """The log files of a home, in its ``logs`` folder unless the settings say another one."""

    def __init__(self, home: Path, settings: LogSettings) -> None:
        self._folder = home / Path(settings.folder).expanduser()
        self._settings = settings
        if settings.enabled:
            logger = logging.getLogger(_REQUESTS)
            logger.addHandler(_HANDLER)
            logger.setLevel(logging.DEBUG)

    def path(self, name: str) -> Path | None:
        """Return where the certificate's log is, None without one."""
        return self._folder / f"{name}.log" if self._settings.enabled else None

    @contextmanager
    def following(self, name: str, doing: str, emit: Emit) -> Iterator[Emit]:
        """Give what tells events to ``emit`` and writes them down; what is raised is, too.

        ``doing`` is a line about what begins. The caller holds a lock of the certificate.
        """
        path = self.path(name)
        if path is None:
            yield emit
            return
        log = _File(path, self._settings, emit)
        log.write(f"zoneproof {__version__} (process {os.getpid()}): {doing}")
        news = News(describe_in_full)

        def tell(event: Event) -> None:
            if text := news.text(event):
                log.write(text)
            emit(event)

        token = _writes.set(log.write)
        try:
            yield tell
        except ZoneproofError as error:
            log.write(f"{type(error).__name__}: {error.message}")
            for record in error.records:
                log.write(f"  {record}")
            raise
        except BaseException as error:
            log.write(f"ended by {type(error).__name__}")
            raise
        finally:
            _writes.reset(token)

    def remove(self, name: str) -> None:
        """Remove the certificate's log and its older files, as far as that is possible."""
        path = self.path(name)
        for each in _all_of(path, self._settings.keep) if path else ():
            try:
                each.unlink(missing_ok=True)
            except OSError:
                return


class _File:
    def __init__(self, path: Path, settings: LogSettings, emit: Emit) -> None:
        self._path = path
        self._settings = settings
        self._emit = emit
        self._fails = False

    def write(self, text: str) -> None:
        """Append a line; the first that cannot be written is the last, and is told."""
        if self._fails:
            return
        moment = times.stamp(datetime.now(UTC))
        line = f"{moment}  {printable(text[:_LONGEST])}\n".encode(errors="backslashreplace")
        try:
            self._append(line)
        except OSError as error:
            self._fails = True
            self._emit(
                Warned(
                    f"the log {self._path} cannot be written: {error.strerror}; set another folder"
                    " in settings.toml, as log.folder"
                )
            )

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Opening a named pipe would wait for somebody to read it.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(line) <= self._settings.max_bytes:
                os.write(descriptor, line)
                return
        finally:
            os.close(descriptor)
        self._rotate()
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        files = _all_of(self._path, self._settings.keep)
        files[-1].unlink(missing_ok=True)
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)


def _all_of(path: Path, keep: int) -> list[Path]:
    """Return the log and its older files, the newest first."""
    return [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, keep + 1))]


class LoggedRun(msgspec.Struct, frozen=True):
    """What a log says of one run: when it began (RFC 3339), what it did, and each line's time."""

    at: str
    doing: str
    lines: tuple[tuple[str, str], ...]


_BEGINNING = re.compile(r"zoneproof \S+ \(process \d+\): (.*)")


def logged_runs(path: Path, most: int = 20) -> list[LoggedRun]:
    """Return the last runs that a log and the file before it tell of, the newest first.

    A file that cannot be read has none. Runs of several processes are told apart only where one
    follows the other.
    """
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    for file in (path.with_name(f"{path.name}.1"), path):
        for line in _lines_of(file):
            at, _, text = line.partition("  ")
            if match := _BEGINNING.fullmatch(text):
                found.append((at, match[1], []))
            elif found and text:
                found[-1][2].append((at, text))
    return [LoggedRun(at, doing, tuple(lines)) for at, doing, lines in found[: -most - 1 : -1]]


def _lines_of(file: Path) -> list[str]:
    try:
        return read_file(file, LARGEST_LIST).decode(errors="replace").splitlines()
    except OSError:
        return []
