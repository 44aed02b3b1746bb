"""Who is at the command line, as audit logs say it."""

from __future__ import annotations

import getpass
import os


def person() -> str:
    """Return the system's name of the user, and who became that user by sudo."""
    name = _name()
    before = os.environ.get("SUDO_USER", "")
    if name == "root" and before not in {"", name}:
        name = f"{name}, by sudo of {before}"
    return f"command line ({name})"


def _name() -> str:
    try:
        import pwd
    except ImportError:  # no POSIX system
        return getpass.getuser()
    user = os.geteuid()
    try:
        return pwd.getpwuid(user).pw_name  # and not of the environment, which may say anything
    except KeyError:  # a user id without a name
        return str(user)
