"""``zoneproof challenge init`` for a node: the database's password, and the other nodes."""

from __future__ import annotations

import glob
import os
import pwd
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.nodes.node import digest, require_same_zones
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.postgres_database import try_out_postgres
from zoneproof.cli.asking import ask, somebody_is_there
from zoneproof.core.errors import ConfigError, InvalidInputError, MissingPasswordError
from zoneproof.core.files import link_or_copy
from zoneproof.storage.postgres import PostgresServer


def check_url(url: str) -> str:
    """Return the URL of a database if it can be one. Raises InvalidInputError, which shows no part.

    A password in it would be in the shell's history, and in the list of processes.
    """
    if PostgresServer(url).has_password:
        raise InvalidInputError(
            "omit the password: it is asked for, or taken from PGPASSWORD, and kept in a file"
            " beside the configuration"
        )
    return url


class PasswordFile(msgspec.Struct, frozen=True):
    """Where a database's password is kept, in libpq's form; ``draft`` is where it is at first.

    ``draft`` is None where none is needed: it is known in another way.
    """

    path: Path
    draft: Path | None

    def in_url(self, url: str) -> str:
        """Return the URL that works after :meth:`keep`."""
        return url if self.draft is None else _naming(url, self.path)

    def in_draft_url(self, url: str) -> str:
        """Return the URL that works until the configuration in place no longer has it."""
        return url if self.draft is None else _naming(url, self.draft)

    def keep(self) -> None:
        """Put the password where it belongs, too."""
        if self.draft is not None:
            link = self.draft.with_name(f"{self.draft.name}.link")
            link_or_copy(self.draft, link)
            link.replace(self.path)


@contextmanager
def password_file(
    url: str, config: Path, user: pwd.struct_passwd | None, *, may_replace: bool
) -> Iterator[PasswordFile]:
    """Try out a database, and give the file with its password, for the service's user alone.

    The password comes from PGPASSWORD, from where root has it if the service is another user's, or
    from a person if the server wants one. At the end no draft is left but one that the
    configuration in place names. Raises StorageError, InvalidInputError and OSError.
    """
    password = os.environ.get("PGPASSWORD", "")
    if not password:
        server = PostgresServer(url)
        try:
            found = server.used_password()
        except MissingPasswordError:
            if not somebody_is_there():
                raise
            password = ask(f"Password for {server.name}", lambda text: text, hidden=True)
        else:
            # What root's ~/.pgpass holds, another user would not find.
            password = found if user is not None and "passfile=" not in url else ""
    path = config.with_suffix(".pgpass")
    if not password:
        try_out_postgres(url)
        yield PasswordFile(path, None)
        return
    if os.path.lexists(path) and not may_replace:
        raise ConfigError(f"{path} already exists: give --force to replace it")
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if user is not None:
                os.fchown(file.fileno(), user.pw_uid, user.pw_gid)
            file.write(_line(password))
        kept = PasswordFile(path, Path(draft))
        try_out_postgres(kept.in_draft_url(url))
        yield kept
    finally:
        _remove_drafts(path, config)


def require_place(nodes: Sequence[NodeRow], config: Config) -> None:
    """Raise ConfigError if a node of this configuration could not work beside the others."""
    assert config.node is not None
    name = config.node.name
    for node in nodes:
        if node.name == name and node.holds_lease:
            raise ConfigError(
                f"the node '{name}' at {node.address} is running: give this one another --node and"
                " --nameserver"
            )
    try:
        require_same_zones(nodes, name, digest(compile_zones(config.path, config.zones)))
    except ConfigError as error:
        raise ConfigError(
            f"{error.message}; here they come from --zone, --nameserver, --address,"
            " --other-nameserver, --api-name and --hostmaster"
        ) from error


def _remove_drafts(path: Path, config: Path) -> None:
    in_place = config.read_bytes() if config.exists() else b""
    for draft in path.parent.glob(f"{glob.escape(f'.{path.name}')}.*"):
        if quote(draft.name).encode() not in in_place:
            draft.unlink(missing_ok=True)


def _naming(url: str, passfile: Path) -> str:
    return f"{url}{'&' if '?' in url else '?'}passfile={quote(str(passfile))}"


def _line(password: str) -> str:
    if "\n" in password or "\0" in password:
        raise InvalidInputError("the database's password has a line break, which no file can hold")
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"
