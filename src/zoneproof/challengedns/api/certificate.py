"""The API's certificate: where its files are, when it expires, and who obtains it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509

from zoneproof.challengedns.config import ApiConfig, AutoTls
from zoneproof.core import times
from zoneproof.serving.certificate import KeyPair

_WARNED_BEFORE = timedelta(days=7)


def configured_key_pair(config: ApiConfig) -> KeyPair | None:
    """Return the files that the configuration names, if it names any."""
    if config.certificate is None or config.key is None:
        return None
    return KeyPair(config.certificate, config.key)


def obtained_key_pair(auto: AutoTls) -> KeyPair:
    """Return the files of the certificate that the service obtains, there or not."""
    live = auto.folder / "live" / auto.domains[0].text
    return KeyPair(live / "fullchain.pem", live / "privkey.pem")


def validity_remark(leaf: x509.Certificate, now: datetime) -> str:
    """Say why clients refuse a certificate, or soon will; empty if neither is so."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= ends:
        return f"expired at {times.at(ends)}"
    if now < begins:
        return f"is not valid before {times.at(begins)}"
    # One that lives for days only is not old in its last week; the service renews its own earlier.
    if ends - now < min(_WARNED_BEFORE, (ends - begins) / 4):
        return f"expires at {times.at(ends)}"
    return ""


def foreign_in(folder: Path) -> str:
    """Say what in a folder is another user's, or closed to this one; empty if nothing is.

    A backup that root has restored, or a command of root's, leaves such files.
    """
    try:
        for path in _all_in(folder):
            state = path.lstat()
            is_folder = stat.S_ISDIR(state.st_mode)
            wanted = os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)
            if state.st_uid != os.geteuid():
                return f"{path} belongs to another user"
            if not stat.S_ISLNK(state.st_mode) and not os.access(path, wanted):
                return f"{path} cannot be read and written by this user"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{error.filename or folder}: {error.strerror}"
    return ""


def _all_in(folder: Path) -> Iterator[Path]:
    yield folder  # whoever looks at it first finds that it cannot be looked into
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _all_in(Path(entry.path))
            else:
                yield Path(entry.path)


class CertificateSource(Protocol):
    """Obtains and renews the certificate for ``tls = "auto"``.

    All methods raise ZoneproofError.
    """

    async def prepare(self) -> None:
        """Repair what a crash left, or set aside what is past it, before anything is used."""
        ...

    def key_pair(self) -> KeyPair:
        """Return the files of the newest certificate, or of a self-signed one.

        The latter while there is no other that can be used; it never fails for that.
        """
        ...

    async def renew_if_due(self) -> bool:
        """Obtain a certificate if it is time to; tell whether there is a new one."""
        ...

    def look_again_after(self) -> float:
        """Return after how many seconds to call both again, also after one of them has failed."""
        ...
