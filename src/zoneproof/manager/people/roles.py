"""What somebody may do."""

from __future__ import annotations

from typing import Literal, get_args

from zoneproof.core.errors import InvalidInputError

Role = Literal["viewer", "operator", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)
MEANINGS: dict[Role, str] = {
    "viewer": "sees everything but secrets",
    "operator": "sees everything but secrets; requests, renews and deploys certificates",
    "administrator": "may do everything",
}


def parse_role(text: str) -> Role:
    """Return the role of that name. Raises InvalidInputError."""
    for role in ROLES:
        if role == text:
            return role
    raise InvalidInputError(f"'{text[:40]}' is not a role: use {', '.join(ROLES)}")


def may(role: Role, needed: Role) -> bool:
    """Tell whether somebody of the role may do what needs the other."""
    return ROLES.index(role) >= ROLES.index(needed)
