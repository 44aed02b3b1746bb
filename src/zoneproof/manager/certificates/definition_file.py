"""Definitions as a TOML file, and what differs between two definitions."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.toml import convert, load_toml
from zoneproof.manager.certificates.definition import CertificateDefinition, default_name


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
    lists = {name: list(map(msgspec.structs.asdict, fields[name])) for name in ("method", "deploy")}
    return _flat({**fields, **lists})


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    lists = ("name", "method", "deploy")
    rest = {name: value for name, value in fields.items() if name not in lists}
    if rest.get("csr"):
        rest["csr"] = csr_text(rest["csr"])
    for number, method in enumerate(fields.get("method", []), 1):
        rest |= {f"method {number} {name}": value for name, value in method.items()}
    for task in fields.get("deploy", []):
        known = {name: value for name, value in task.items() if name != "name"}
        rest |= {f"task {task['name']} {name}": value for name, value in known.items()}
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


_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OF_ONE = ("name", "identifiers")  # which no two certificates share


class _File(msgspec.Struct, forbid_unknown_fields=True):
    certificate: list[dict[str, Any]] = []
    defaults: dict[str, Any] = {}


class DefinitionFile(msgspec.Struct, frozen=True):
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
            problems.append(f"{name}: {count} certificates have this name: give each its own name")
    return DefinitionFile(tuple(definitions), tuple(problems))


def parse_definition(text: str) -> CertificateDefinition:
    """Return the only definition in a text that :func:`format_definitions` could have written.

    Raises InvalidInputError.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInputError(f"this is not valid TOML: {error}") from error
    found = convert(data, _File, "the definition").certificate
    if len(found) != 1:
        raise InvalidInputError("write one [[certificate]] with what belongs to it")
    return _definition(found[0], 1).check()


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
    parts = {name: table.pop(name, ()) for name in ("method", "deploy")}
    lines = ["[[certificate]]", *_pairs(table)]
    for name, ones in parts.items():
        for one in ones:
            lines += ["", f"[[certificate.{name}]]", *_pairs(one)]
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
