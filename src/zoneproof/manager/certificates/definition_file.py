"""Reads and writes definitions as a TOML file, which people keep beside their other configuration.

``[[certificate]]`` tables have the fields of CertificateDefinition, ``[[certificate.method]]``
tables those of MethodDefinition. What ``[defaults]`` says holds for each certificate that says
nothing else.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.config import convert, load_toml
from zoneproof.errors import InvalidInputError
from zoneproof.manager.certificates.definition import CertificateDefinition, default_name

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OF_ONE = ("name", "identifiers")  # which no two certificates share


class _File(msgspec.Struct, forbid_unknown_fields=True):
    certificate: list[dict[str, Any]] = []
    defaults: dict[str, Any] = {}


@dataclass(frozen=True)
class DefinitionFile:
    """What a file defines. ``problems`` are all that is wrong with it, one line each."""

    definitions: tuple[CertificateDefinition, ...]
    problems: tuple[str, ...]


def read_definitions(path: Path) -> DefinitionFile:
    """Read the file, and check each definition for what cannot work whatever is stored.

    Raises ConfigError for a file in which no certificates can be told apart.
    """
    file = load_toml(path, _File)
    problems = _problems_of_defaults(file.defaults)
    usable = not problems
    definitions = []
    for number, table in enumerate(file.certificate, 1):
        try:
            definition = _definition({**(file.defaults if usable else {}), **table}, number)
            # Without the defaults, whether methods suit the names cannot be told.
            definitions.append(definition.check() if usable else definition)
        except InvalidInputError as error:
            problems.append(error.message)
    for name, count in Counter(definition.name for definition in definitions).items():
        if count > 1:
            problems.append(
                f"{name}: {count} certificates have this name: give each a name of its own"
            )
    return DefinitionFile(tuple(definitions), tuple(problems))


def _problems_of_defaults(defaults: Mapping[str, Any]) -> list[str]:
    problems = []
    for key, value in defaults.items():
        try:
            if key in _OF_ONE:
                raise InvalidInputError(f"[defaults]: '{key}' belongs to each certificate")
            example = {"name": "example.com", "identifiers": ["example.com"], key: value}
            convert(example, CertificateDefinition, "[defaults]")
        except InvalidInputError as error:
            problems.append(error.message)
    return problems


def _definition(table: dict[str, Any], number: int) -> CertificateDefinition:
    name = table.get("name")
    if name is None:
        name = _name_of(table.get("identifiers"), number)
    where = name if isinstance(name, str) else f"certificate {number}"
    return convert({**table, "name": name}, CertificateDefinition, where)


def _name_of(identifiers: object, number: int) -> str:
    if not (isinstance(identifiers, list) and identifiers and isinstance(identifiers[0], str)):
        raise InvalidInputError(
            f"certificate {number}: 'identifiers': it needs a list of names, as"
            ' ["example.com", "*.example.com"]'
        )
    try:
        return default_name(identifiers)
    except InvalidInputError as error:
        raise InvalidInputError(f"certificate {number}: {error.message}") from error


def format_definitions(definitions: Iterable[CertificateDefinition]) -> str:
    """Return the file that :func:`read_definitions` reads as these definitions."""
    return "\n".join(map(_format, definitions))


def _format(definition: CertificateDefinition) -> str:
    table = msgspec.to_builtins(definition)
    methods = table.pop("method", ())
    lines = ["[[certificate]]", *_pairs(table)]
    for method in methods:
        lines += ["", "[[certificate.method]]", *_pairs(method)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(name)} = {_toml(value)}" for name, value in table.items()]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(_pairs(value))} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    # What JSON escapes, TOML's basic strings escape in the same way; what is invisible besides.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
