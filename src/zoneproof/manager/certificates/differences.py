"""What differs between two definitions, a line for each field, for people."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from zoneproof.manager.certificates.definition import CertificateDefinition


def describe_changes(
    before: CertificateDefinition | None, after: CertificateDefinition | None
) -> list[str]:
    """Return a line for each field that is not the same; None is a definition that is not there.

    Fields that have their default on both sides are not told.
    """
    old, new = _fields(before), _fields(after)
    lines = []
    for name in dict.fromkeys((*_told(before), *_told(after))):
        was, becomes = field_text(old.get(name)), field_text(new.get(name))
        if was == becomes:
            continue
        if not was or not becomes:
            lines.append(f"{name}: {becomes or f'no longer {was}'}")
        else:
            lines.append(f"{name}: {becomes} (was {was})")
    return lines


def _told(definition: CertificateDefinition | None) -> dict[str, Any]:
    """Return the fields that do not have their default."""
    return _flat(msgspec.to_builtins(definition)) if definition else {}


def _fields(definition: CertificateDefinition | None) -> dict[str, Any]:
    if definition is None:
        return {}
    fields = msgspec.structs.asdict(definition)
    return _flat({**fields, "method": [msgspec.structs.asdict(one) for one in definition.method]})


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in fields.items() if name not in ("name", "method")}
    if rest.get("csr"):
        rest["csr"] = csr_text(rest["csr"])
    for number, method in enumerate(fields.get("method", []), 1):
        rest |= {f"method {number} {name}": value for name, value in method.items()}
    return rest


def csr_text(pem: str) -> str:
    """Return what tells one request from another, in a few words."""
    return f"SHA-256 {hashlib.sha256(pem.encode()).hexdigest()[:16]}"


def field_text(value: object) -> str:
    """Return the value of a definition's field for people, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
