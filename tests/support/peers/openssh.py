"""OpenSSH's own server, with one user whose home is a folder.

It runs without root, because as root it wants a user and a folder that only its package makes:
where the tests are root's, as another user. libnss_wrapper tells it of that user, and where that
user may not enter the checkout, it runs from a copy.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Self

import asyncssh

from tests.support.peers import TOOLS
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

_SSH = TOOLS / "ssh"
_USER = "deploy"
_NOT_ROOT = 54321  # a user and group id of nobody


class OpensshServer(BackgroundServer):
    """sshd at 127.0.0.1 and a free port; ``fields`` are those of the ssh task.

    ``home`` is the user's folder, ``log`` what the server says.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-"))  # which the user may enter
        self.home = self.folder / "home"
        self.port = free_port()
        self.host_key, self.user_key = (
            asyncssh.generate_private_key("ssh-ed25519") for _ in range(2)
        )
        identity = (_NOT_ROOT, _NOT_ROOT) if os.geteuid() == 0 else (os.getuid(), os.getgid())
        installed = _installed(self.folder)
        config = self._write(installed, *identity)
        super().__init__(
            "sshd",
            [*_as(*identity), str(installed / "usr/sbin/sshd"), "-D", "-e", "-f", str(config)],
            "Server listening on",
            environment=_environment(installed, self.folder),
        )

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the task that signs in here."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": _USER,
            "host_key": self.host_key.export_public_key().decode(),
            "private_key": self.user_key.export_private_key().decode(),
        }

    @property
    def is_own_user(self) -> bool:
        """Whether the user is that of the tests; else what tests make belongs to root."""
        return os.geteuid() != 0

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        shutil.rmtree(self.folder)

    def _write(self, installed: Path, user: int, group: int) -> Path:
        self.home.mkdir()
        # What OpenSSH 9.8 and newer runs for each connection is not where its package puts it.
        parts = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}
        paths = {option: installed / "usr/lib/openssh" / name for option, name in parts.items()}
        found = [f"{option} {path}\n" for option, path in paths.items() if path.exists()]
        files = {
            "host_key": self.host_key.export_private_key().decode(),
            "authorized_keys": self.user_key.export_public_key().decode(),
            "passwd": f"{_USER}:x:{user}:{group}::{self.home}:/bin/sh\n",
            "group": f"{_USER}:x:{group}:\n",
            "sshd_config": f"""{"".join(found)}ListenAddress 127.0.0.1:{self.port}
HostKey {self.folder}/host_key
AuthorizedKeysFile {self.folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
LogLevel VERBOSE
Subsystem sftp internal-sftp
""",
        }
        for name, text in files.items():
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o600)
        if os.geteuid() == 0:
            for path in (self.folder, self.home, *(self.folder / name for name in files)):
                os.chown(path, user, group)
        return self.folder / "sshd_config"


def _as(user: int, group: int) -> list[str]:
    if user == os.geteuid():
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def _installed(folder: Path) -> Path:
    """Return where the programs are, for a user who is not that of the tests."""
    program = _SSH / "usr/sbin/sshd"
    if not program.exists():
        raise FileNotFoundError(f"sshd is not in {_SSH}: run scripts/install test")
    if os.geteuid() or all(one.stat().st_mode & stat.S_IXOTH for one in program.parents):
        return _SSH
    copy = folder / "ssh"
    patterns = ("usr/lib/*-linux-gnu*/*.so*", "lib/*-linux-gnu*/*.so*", "usr/lib/openssh/sshd-*")
    for file in (program, *(one for pattern in patterns for one in _SSH.glob(pattern))):
        target = copy / file.relative_to(_SSH)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return copy


def _environment(installed: Path, folder: Path) -> dict[str, str]:
    libraries = [*installed.glob("usr/lib/*-linux-gnu*"), *installed.glob("lib/*-linux-gnu*")]
    wrapper = next(installed.glob("usr/lib/*/libnss_wrapper.so"))
    return {
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "LD_PRELOAD": str(wrapper),
        "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
        "NSS_WRAPPER_GROUP": str(folder / "group"),
    }
