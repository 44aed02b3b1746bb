"""Gives up root once the ports are bound, and says what the other user may not do."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from zoneproof.challengedns.config import Config
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.sqlite_files import is_mounted_read_only
from zoneproof.core.text import printable

DEFAULT_USER = "zoneproof"


def service_user(config: Config) -> pwd.struct_passwd | None:
    """Return whom the service becomes, or None if it stays who it is.

    Only root can become somebody else, and stays root only if ``service.user`` says so; without it
    that is the user ``zoneproof``. Raises ConfigError for a user that does not exist.
    """
    try:
        return find_user(config.user or "")
    except InvalidInputError as error:
        raise ConfigError(f"{config.path}: 'service.user': {error.message}") from error


def find_user(name: str) -> pwd.struct_passwd | None:
    """Return whom a service becomes whose configuration has ``name``, or an empty one.

    None if it stays who it is. Raises InvalidInputError for a user that does not exist.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(name or DEFAULT_USER)
    except (KeyError, ValueError):
        what = "" if name else " to switch to from root"
        name = printable(name or DEFAULT_USER)
        raise InvalidInputError(
            f"there is no user '{name}'{what}: create it with 'useradd --system --no-create-home"
            f" {name}', or name another one; 'root' keeps root"
        ) from None
    return user if user.pw_uid else None


def drop_privileges(config: Config) -> None:
    """Become the service's user, for good and in every process that starts from here on.

    A missing folder for the database is made for that user first. Raises ConfigError, with the
    command that helps, where that user could not do the service's work.
    """
    user = service_user(config)
    if user is None:
        return
    make_folder_for(config.database.parent, user)
    become(user)
    check_access(config, user.pw_name)


def become(user: pwd.struct_passwd) -> None:
    """Let this process be a user's, without a way back."""
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def make_folder_for(folder: Path, user: pwd.struct_passwd) -> None:
    """Make a folder that belongs to a user; one that is there stays as it is.

    Raises ConfigError.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        made = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"cannot create the folder {folder}: {error.strerror}") from error
    try:
        os.fchown(made, user.pw_uid, user.pw_gid)
    finally:
        os.close(made)


def check_access(config: Config, user: str) -> None:
    """Raise ConfigError if a user, who this process now is, could not do the service's work."""
    folder = config.database.parent
    if not _may(sys.executable, os.X_OK):
        raise ConfigError(
            f"the user '{user}' cannot run {sys.executable}, which the DNS workers need: install"
            " Zoneproof where all users may read"
        )
    if not _may(config.path, os.R_OK):
        raise ConfigError(
            f"the user '{user}' cannot read {config.path}: run 'chgrp {user} {config.path} &&"
            f" chmod 640 {config.path}', and make its folder accessible"
        )
    if _may(folder, os.F_OK) and not _may(folder, os.W_OK | os.X_OK):
        if is_mounted_read_only(folder):
            raise ConfigError(
                f"the file system of {folder}, where the database is, is mounted read-only: mount"
                " it for writing, or choose another place for 'database'"
            )
        help_ = "choose another place for 'database'"
        if _holds_others(config, folder):
            help_ += f", such as {folder / 'zoneproof' / config.database.name}"
        else:
            help_ = f"run 'chown {user} {folder}' if nothing else is in it, or {help_}"
        raise ConfigError(
            f"the user '{user}' cannot write in {folder}, where the database is: {help_}"
        )
    for path in sorted(folder.glob(f"{config.database.name}*")):
        if not _may(path, os.R_OK | os.W_OK):
            raise ConfigError(
                f"the user '{user}' cannot write {path}: run 'chown {user}: {config.database}*'"
            )
    for key, secret in (("certificate", config.api.certificate), ("key", config.api.key)):
        if secret is not None and not _may(secret, os.R_OK):
            _require(secret, f"'api.{key}'")
            raise ConfigError(
                f"the user '{user}' cannot read 'api.{key}' {secret}: let the file's group be"
                f" {user}'s and read it, and make its folder accessible"
            )
    for secondary in config.secondaries:
        secret = secondary.secret_file
        if secret is not None and not _may(secret, os.R_OK):
            _require(secret, f"secondary {secondary.name}: 'secret_file'")
            raise ConfigError(
                f"the user '{user}' cannot read {secret}, the key of secondary {secondary.name}:"
                f" run 'chown {user} {secret}'"
            )


def _holds_others(config: Config, folder: Path) -> bool:
    """Tell whether more is seen in a folder than the service's own, so that it must not own it."""
    names = (config.database.name, "api-certificate", config.path.name)
    try:
        return any(not each.name.startswith(names) for each in folder.iterdir())
    except PermissionError:
        return False


def _require(file: Path, what: str) -> None:
    """Raise ConfigError for a file that is not there, as far as this process can tell."""
    try:
        file.stat()
    except FileNotFoundError:
        raise ConfigError(f"{what} {file} does not exist") from None
    except OSError:
        pass  # permissions are to be told


def _may(path: str | Path, mode: int) -> bool:
    # The rights of whom this process acts as, which need not be those of who started it.
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
