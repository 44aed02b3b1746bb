"""The task that copies a certificate to another machine by SFTP, and runs a command there."""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from zoneproof.core.access import read_mode
from zoneproof.core.errors import DeploymentError, InvalidInputError, ZoneproofError
from zoneproof.core.fields import CredentialField
from zoneproof.core.programs import read_seconds
from zoneproof.core.text import sanitize, with_extra
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import paths_of, wanted_files
from zoneproof.deployment.placement import Wanted, require_distinct
from zoneproof.deployment.programs import with_words

if TYPE_CHECKING:
    import asyncssh

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_UNDO_SECONDS = 10.0
_CONNECT_SECONDS = 30.0
_MOST_OUTPUT = 1024 * 1024  # bytes of a command's output
_MOST_FILE = 1024 * 1024
_SECRET_MODE, _PUBLIC_MODE = 0o600, 0o644
# Of host keys, the best first; nothing else is in use without certificates.
_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_TROUBLE = "check the host, and whether its SSH server runs"


def _load() -> Any:
    try:
        import asyncssh
    except ImportError as error:
        raise InvalidInputError(
            f"the deployment task ssh needs asyncssh: {with_extra('ssh')}"
        ) from error
    return asyncssh


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise InvalidInputError(f"port: '{sanitize(text)}' is not a valid port")
    return int(text)


def _remote_path(part: str, text: str) -> None:
    if not text.startswith("/") or "\0" in text:
        raise InvalidInputError(f"{part} must be an absolute path, not '{sanitize(text)}'")


@dataclass
class _Known:
    """Fingerprints of host keys, and the kinds of those that were given whole."""

    fingerprints: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)

    @property
    def algorithms(self) -> list[str]:
        """What to ask the host for: first what its known keys can do.

        A host shows one of its keys, and without this its best one, which may not be among them.
        """
        return sorted(_ALGORITHMS, key=lambda name: name not in self.kinds)


def _host_keys(text: str) -> _Known:
    """Return the host keys that are known: fingerprints, or lines of ssh-keyscan.

    Raises InvalidInputError.
    """
    found = _Known()
    for line in filter(None, map(str.strip, text.replace(";", "\n").splitlines())):
        if line.startswith("#"):  # ssh-keyscan tells of each host at a terminal
            continue
        if _FINGERPRINT.fullmatch(line):
            found.fingerprints.add(line)
            continue
        words = line.split()
        # ssh-keyscan writes the host before the key, and a .pub file a comment after it.
        start = next((i for i, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))), 0)
        asyncssh = _load()
        try:
            key = asyncssh.import_public_key(" ".join(words[start : start + 2]))
        except asyncssh.KeyImportError as error:
            raise InvalidInputError(
                f"host_key: '{sanitize(line, limit=60)}' is not a public key: give what ssh-keyscan"
                " prints, or its fingerprint, SHA256:..."
            ) from error
        found.fingerprints.add(key.get_fingerprint("sha256"))
        found.kinds.update(name.decode() for name in key.sig_algorithms)
    if not found.fingerprints:
        raise InvalidInputError("host_key: give the public key of the host")
    return found


def _client_key(text: str, passphrase: str) -> Any:
    asyncssh = _load()
    try:
        return asyncssh.import_private_key(text.strip() + "\n", passphrase or None)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        raise InvalidInputError(
            "private_key is not a private key, or private_key_password does not open it"
        ) from error


@dataclass
class _HostKeys:
    """Accepts the keys that are known, and remembers what else was offered."""

    known: _Known
    offered: str = field(default="", init=False)

    def client(self) -> Any:
        keys = self

        class Client(_load().SSHClient):  # type: ignore[misc]  # of a module loaded late
            def validate_host_public_key(
                self, host: str, addr: str, port: int, key: asyncssh.SSHKey
            ) -> bool:
                keys.offered = key.get_fingerprint("sha256")
                return keys.offered in keys.known.fingerprints

        return Client()


class Ssh:
    """Copies files, where they differ, and runs a command."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="ssh",
        title="Another machine, by SSH",
        homepage="https://asyncssh.readthedocs.io/",
        machine=("host", "port"),
        fields=(
            CredentialField("host", "name or address of the machine"),
            CredentialField("port", "its port", default="22", check=_port),
            CredentialField("user", "user to sign in as"),
            CredentialField(
                "host_key",
                "its public key, as ssh-keyscan prints it, or the key's fingerprint, SHA256:...;"
                " several with ';'",
                check=_host_keys,
            ),
            CredentialField("private_key", "private key to sign in with", secret=True),
            CredentialField(
                "private_key_password", "what that key is encrypted with", secret=True, default=""
            ),
            *(
                CredentialField(
                    part,
                    f"path there for the {what}, in which {{name}} is the certificate's name",
                    default="",
                    check=partial(_remote_path, part),
                )
                for part, what in (
                    ("cert", "certificate"),
                    ("chain", "CA's certificates"),
                    ("fullchain", "certificate and chain"),
                    ("key", "private key"),
                    ("combined", "key, certificate and chain in one file"),
                )
            ),
            CredentialField("mode", "mode of new files with the key", default="", check=read_mode),
            CredentialField("command", "command to run there afterwards", default=""),
            CredentialField(
                "timeout",
                "seconds that the command may take",
                default="120",
                check=partial(read_seconds, "timeout"),
            ),
        ),
        notes="It needs the extra `ssh` (`/opt/zoneproof/bin/pip install '.[ssh]'` in Zoneproof's"
        " folder). The host key is checked, and nothing of `~/.ssh` is read. Each file is replaced"
        " in one step, and only if it"
        " differs; all are written before the first is replaced, and if one cannot be, those of"
        " before come back. A file that is there keeps its mode. The command is read by the"
        " shell of that user, and has to succeed; it may be run twice if Zoneproof is killed"
        " while it runs. On the other side, `restrict,command=...` in `authorized_keys` does not"
        " fit, because two things are done; a user of its own does.",
    )

    def __init__(self, context: TaskContext) -> None:
        fields = context.fields
        self._fields, self._context = fields, context
        self._keys = _host_keys(fields["host_key"])
        self._key = _client_key(fields["private_key"], fields["private_key_password"])
        self._seconds = read_seconds("timeout", fields["timeout"])
        if not paths_of(fields, "") and not fields["command"]:
            raise InvalidInputError(
                "deployment task ssh needs a field that names a file, or a command"
            )

    @property
    def _where(self) -> str:
        return f"{self._fields['user']}@{self._fields['host']}"

    async def run(self, occasion: Occasion) -> str:
        """Copy and run."""
        async with self._connected() as connection:
            wanted = wanted_files(self._fields, occasion)
            require_distinct([one.path for one in wanted], posixpath.normpath)
            written = await self._copy(connection, wanted) if wanted else []
            done = [f"wrote {', '.join(written)}" if written else "nothing to write"]
            if self._fields["command"]:
                said = await self._command(connection)
                done.append(f"ran the command{': ' * bool(said)}{said}")
        return f"{self._where}: {'; '.join(done)}"

    async def problems(self) -> list[str]:
        """Sign in."""
        async with self._connected():
            return []

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        asyncssh, hosts = _load(), _HostKeys(self._keys)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                connection = await asyncssh.connect(
                    self._fields["host"],
                    int(self._fields["port"]),
                    username=self._fields["user"],
                    client_keys=[self._key],
                    known_hosts=([], [], []),  # so that the client is asked
                    server_host_key_algs=self._keys.algorithms,
                    client_factory=hosts.client,
                    config=[],
                    agent_path=None,
                    preferred_auth="publickey",
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise DeploymentError(
                f"{self._where}: the host key is {hosts.offered or 'of an unknown kind'}, which is"
                " not the one in host_key: find out why before you change that"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise DeploymentError(
                f"{self._where}: it does not accept the key: add its public half to"
                " ~/.ssh/authorized_keys there"
            ) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise DeploymentError(self._trouble(error)) from error
        try:
            yield connection
        except (OSError, asyncssh.Error) as error:
            raise DeploymentError(self._trouble(error)) from error
        finally:
            connection.abort()
            await connection.wait_closed()

    def _trouble(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{self._where}: no answer within {_CONNECT_SECONDS:g} seconds: {_TROUBLE}"
        reason = getattr(error, "reason", "") or str(error)
        if isinstance(error, OSError) and error.errno and error.errno > 0:
            reason = f"{os.strerror(error.errno)}: {_TROUBLE}"
        return f"{self._where}: {sanitize(reason)}"

    async def _copy(
        self, connection: asyncssh.SSHClientConnection, wanted: list[Wanted]
    ) -> list[str]:
        # Nothing waits for the end of a session or of a command: a machine that hangs would be
        # waited for without end. The connection is cut in any case.
        new: list[tuple[Wanted, bytes | None]] = []
        replaced = 0
        try:
            async with asyncio.timeout(self._seconds):
                sftp = await connection.start_sftp_client()
                for one in wanted:
                    before = await self._read(sftp, str(one.path))
                    if before != one.data:
                        new.append((one, before))
                        await self._write(sftp, f"{one.path}.new", str(one.path), one)
                for one, _ in new:
                    await sftp.posix_rename(f"{one.path}.new", str(one.path))
                    replaced += 1
        except BaseException as error:
            if new:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_UNDO_SECONDS):
                        await self._undo(sftp, new, replaced)
            if isinstance(error, TimeoutError):
                raise DeploymentError(
                    f"{self._where}: copying took longer than {self._seconds:g} seconds"
                ) from error
            raise
        return [str(one.path) for one, _ in new]

    async def _undo(
        self, sftp: asyncssh.SFTPClient, new: list[tuple[Wanted, bytes | None]], replaced: int
    ) -> None:
        """Put back what was replaced, and remove what was written beside it."""
        for one, before in new[:replaced]:
            with suppress(ZoneproofError, _load().Error, ConnectionError):
                await self._put_back(sftp, one, before)
        for one, _ in new:
            with suppress(_load().Error, ConnectionError):
                await sftp.remove(f"{one.path}.new")

    async def _put_back(self, sftp: asyncssh.SFTPClient, one: Wanted, before: bytes | None) -> None:
        """Undo the replacement of a file, None for one that was not there."""
        path = str(one.path)
        if before is None:
            await sftp.remove(path)
            return
        await self._write(sftp, f"{path}.new", path, replace(one, data=before))
        await sftp.posix_rename(f"{path}.new", path)

    async def _read(self, sftp: asyncssh.SFTPClient, path: str) -> bytes | None:
        asyncssh = _load()
        try:
            async with sftp.open(path, "rb") as file:
                data = await file.read(_MOST_FILE)
                return data if isinstance(data, bytes) else data.encode()
        except asyncssh.SFTPNoSuchFile:
            return None
        except asyncssh.SFTPError as error:
            raise DeploymentError(
                f"{self._where}: cannot read {path}: {sanitize(error.reason)}"
            ) from error

    async def _write(
        self, sftp: asyncssh.SFTPClient, temporary: str, path: str, wanted: Wanted
    ) -> None:
        asyncssh = _load()
        given = read_mode(self._fields["mode"]) if wanted.is_secret else None
        mode = given or (_SECRET_MODE if wanted.is_secret else _PUBLIC_MODE)
        try:
            try:
                old = await sftp.lstat(path)
                # A link is replaced, not followed: where it leads may be another user's.
                kept = old.permissions if old.type != asyncssh.FILEXFER_TYPE_SYMLINK else None
                mode = given or (kept & 0o777 if kept else mode)
            except asyncssh.SFTPNoSuchFile:
                pass
            with suppress(asyncssh.SFTPNoSuchFile):  # of a run that was killed
                await sftp.remove(temporary)
            # Only a new file: one that is there, or a link, may be of who wants to read the key.
            private = asyncssh.SFTPAttrs(permissions=_SECRET_MODE)
            async with sftp.open(temporary, "xb", attrs=private) as file:
                await file.write(wanted.data)
            await sftp.chmod(temporary, mode & ~0o007 if wanted.is_secret else mode)
        except asyncssh.SFTPError as error:
            raise DeploymentError(
                f"{self._where}: cannot write {path}: {sanitize(error.reason)}"
            ) from error

    async def _command(self, connection: asyncssh.SSHClientConnection) -> str:
        asyncssh = _load()
        said = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                process = await connection.create_process(
                    self._fields["command"],
                    encoding=None,
                    stdin=asyncssh.DEVNULL,
                    stderr=asyncssh.STDOUT,
                )
                while part := await process.stdout.read(65536):
                    said += part
                    if len(said) > _MOST_OUTPUT:
                        raise DeploymentError(
                            f"{self._where}: the command printed more than 1 MiB and was stopped"
                        )
                await process.wait_closed()
        except TimeoutError as error:
            raise DeploymentError(
                f"{self._where}: the command took longer than {self._seconds:g} seconds"
            ) from error
        hidden = [self._fields["command"]] if "command" in self._context.secret else []
        words = sanitize(bytes(said[-2000:]), secrets=hidden)
        if process.exit_status != 0:
            how = f"failed with exit status {process.exit_status}"
            if process.exit_signal:
                how = f"was ended by the signal {sanitize(process.exit_signal[0])}"
            raise DeploymentError(f"{self._where}: the command {how}, {with_words(words)}")
        return words
