"""The folder that holds the manager's state: where it is, and what is where in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from zoneproof.core.errors import BusyError, ConfigError, ExhaustedError, StorageError
from zoneproof.core.files import is_missing
from zoneproof.core.text import printable
from zoneproof.storage import SqliteStore, load_migrations, open_sqlite, open_sqlite_to_read

_LONGEST_PLAIN = 200


def is_there(path: Path) -> bool:
    """Tell whether something is at a path in a home. Raises StorageError where nobody can tell."""
    try:
        return path.exists()
    except OSError as error:
        raise cannot_look_into(path.parent) from error


def cannot_look_into(path: Path) -> StorageError:
    """Return the error for a folder that this user may not enter."""
    return StorageError(
        f"this user cannot look into {path}: run this as the user who owns it, or set"
        " ZONEPROOF_HOME to another folder"
    )


class Home(msgspec.Struct, frozen=True):
    """``$ZONEPROOF_HOME``, else ``/var/lib/zoneproof`` for root, else the user's data folder."""

    path: Path

    @classmethod
    def find(cls) -> Home:
        """Return the home for this user and environment; nothing is created. Raises ConfigError."""
        named = os.environ.get("ZONEPROOF_HOME", "")
        if named:
            try:
                named.encode()  # of other bytes neither JSON nor the database could tell
                return cls(Path(named).expanduser().absolute())
            except (ValueError, RuntimeError, OSError) as error:
                raise ConfigError(
                    f"ZONEPROOF_HOME cannot be '{printable(named)}': give the absolute path of a "
                    "folder, in UTF-8"
                ) from error
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            return cls(Path("/var/lib/zoneproof"))
        import platformdirs

        return cls(Path(platformdirs.user_data_dir("zoneproof", appauthor=False)))

    def create(self) -> None:
        """Make the folder, for this user alone. Raises StorageError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except FileExistsError:
            pass  # a file, as the check says
        except OSError as error:
            raise StorageError(
                f"cannot create {self.path}: {error.strerror}; set ZONEPROOF_HOME to a folder that "
                "this user can write"
            ) from error
        self.check()

    def check(self) -> None:
        """Raise StorageError if the folder is none, or this user cannot look into it."""
        if not is_there(self.path):
            return
        if not self.path.is_dir():
            raise StorageError(
                f"{self.path} is not a directory: set ZONEPROOF_HOME to the folder that is meant"
            )
        if not os.access(self.path, os.R_OK | os.X_OK):
            raise cannot_look_into(self.path)

    @property
    def _database(self) -> Path:
        return self.path / "state.sqlite3"

    def require_still_there(self) -> None:
        """Raise StorageError if the database, which was there, is not: another would be empty."""
        if is_missing(self._database):
            raise StorageError(
                f"the database {self._database} is gone, but was there a while ago: mount its disk,"
                " or restore it from a backup; if it was removed on purpose, restart this"
            )

    def open_store(self, *, to_read: bool = False) -> SqliteStore:
        """Open the state database, which is not created ``to_read``. Raises StorageError."""
        migrations = load_migrations("zoneproof.issuance") + load_migrations("zoneproof.manager")
        opening = open_sqlite_to_read if to_read else open_sqlite
        database = self._database
        # Where it is missing, the commands tell which certificates are not known.
        traces = [self.path / "archive"] if os.access(database, os.F_OK) else []
        return opening(database, migrations, traces=traces)

    @contextmanager
    def lock(self, name: str, doing: str = "", *, patience: float = 0) -> Iterator[None]:
        """Keep other processes from working on the certificate ``name``.

        ``doing`` says what the holder does, where that is something else. Raises BusyError, which
        says who holds it, after so many seconds of ``patience``, and StorageError. A lock ends with
        its process.
        """
        folder = self.path / "locks"
        file = _file_name(name)
        holder = folder / f"{file}.holder"
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                stack.enter_context(FileLock(folder / f"{file}.lock", timeout=patience))
                holder.write_text(str(os.getpid()))
            except Timeout as error:
                what, process = doing or f"is working on {name}", _read(holder)
                if process == str(os.getpid()):
                    raise BusyError(f"a run of this server {what}: wait for it to end") from error
                raise BusyError(
                    f"another zoneproof (process {process}) {what}: wait for it to end, or stop it"
                ) from error
            except OSError as error:
                help_ = "check whether the disk is full, and let this user write there"
                if exhausted := ExhaustedError.of(error):
                    help_ = exhausted.message
                raise StorageError(
                    f"cannot lock {name} in {folder}: {error.strerror}; {help_}"
                ) from error
            yield

    def is_locked(self, name: str) -> bool:
        """Tell whether a process, be it this one, works on the certificate. Raises StorageError."""
        try:
            with self.lock(name):
                return False
        except BusyError:
            return True

    @contextmanager
    def lock_each(self, names: Iterable[str]) -> Iterator[None]:
        """Hold the locks of several certificates. Raises as :meth:`lock` does."""
        allow_many_files()
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(self.lock(name))
            yield


def allow_many_files() -> None:
    """Let this process hold as many locks, connections and other files as it may."""
    if os.name != "posix":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _file_name(name: str) -> str:
    """Return what a lock's file is called: file systems take 255 bytes, and the suffix is to fit.

    No certificate's name has a ``~``, so that a shortened one is never that of another.
    """
    if len(name) <= _LONGEST_PLAIN:
        return name
    return f"{name[:_LONGEST_PLAIN]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _read(holder: Path) -> str:
    try:
        return holder.read_text() or "unknown"
    except OSError:
        return "unknown"
