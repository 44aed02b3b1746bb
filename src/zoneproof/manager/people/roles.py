"""What somebody may do, secrets that are shown once, and the names of people and tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from typing import Literal, get_args

from zoneproof.core.errors import InvalidInputError

Role = Literal["viewer", "operator", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)
MEANINGS: dict[Role, str] = {
    "viewer": "sees everything but secrets",
    "operator": "sees everything but secrets; requests, renews and deploys certificates",
    "administrator": "may do everything",
}
_NAME = re.compile(r"[\w.@+-]{1,64}")


def parse_role(text: str) -> Role:
    """Return the role of that name. Raises InvalidInputError."""
    for role in ROLES:
        if role == text:
            return role
    raise InvalidInputError(f"'{text[:40]}' is not a role: use {', '.join(ROLES)}")


def may(role: Role, needed: Role) -> bool:
    """Tell whether somebody of the role may do what needs the other."""
    return ROLES.index(role) >= ROLES.index(needed)


def check_name(name: str, what: str) -> str:
    """Return the name of a user or token (``what``). Raises InvalidInputError."""
    if _NAME.fullmatch(name):
        return name
    raise InvalidInputError(
        f"'{name[:80]}' is not a valid {what} name: use up to 64 letters, digits, '.', '_', '@',"
        " '+' and '-'"
    )


def new_secret() -> str:
    """Return a random text of 256 bits, of which only the :func:`digest` is stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def now_text() -> str:
    """Return the time, as the tables have it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
