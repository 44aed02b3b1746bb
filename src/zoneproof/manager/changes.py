"""What differs between two definitions, a line for each field, for people."""

from __future__ import annotations

from typing import Any

import msgspec

from zoneproof.manager.definition import CertificateDefinition


def describe_changes(
    before: CertificateDefinition | None, after: CertificateDefinition | None
) -> list[str]:
    """Return a line for each field that is not the same; None is a definition that is not there."""
    old, new = _fields(before), _fields(after)
    lines = []
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) == new.get(name):
            continue
        was, becomes = _text(old.get(name)), _text(new.get(name))
        if not was or not becomes:
            lines.append(f"{name}: {becomes or f'no longer {was}'}")
        else:
            lines.append(f"{name}: {becomes} (was {was})")
    return lines


def _fields(definition: CertificateDefinition | None) -> dict[str, Any]:
    if definition is None:
        return {}
    fields: dict[str, Any] = msgspec.to_builtins(definition)
    fields.pop("name")
    for number, method in enumerate(fields.pop("method", []), 1):
        fields |= {f"method {number} {name}": value for name, value in method.items()}
    return fields


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
