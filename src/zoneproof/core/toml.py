"""TOML files into typed structures, and values given as ``@file`` or ``env:VARIABLE``."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.files import LARGEST_LIST, absolute_path, read_file

T = TypeVar("T")
_STEP = re.compile(r"\.([^.\[\]]+)|\[[^\]]*\]")
_described = cache(inspect.type_info)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`)?(?: (.*))?")
_CHOICE = re.compile(r"Invalid (?:enum )?value (.*)")
_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "datetime": "a date and time",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "str": "text",
}
_LIMIT = re.compile(r"(of length )?([<>]=?) (.*)")
_LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
STANDARD_INPUT = Path("-")
_MOST_KNOWN = 12  # keys that an error lists


def load_toml(path: Path, into: type[T]) -> T:
    """Read the file into a msgspec Struct (which should forbid unknown fields).

    Raises ConfigError, naming the file and the key.
    """
    return convert(read_toml(path), into, str(path))


def load_each(path: Path, into: type[T]) -> T:
    """Do the same, with an error that names what is wrong with each of the file's keys."""
    data, problems = read_toml(path), []
    for key, value in data.items():
        try:
            msgspec.convert({key: value}, into)
        except msgspec.ValidationError as error:
            problems.append(complaint(error, into))
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}")
    return convert(data, into, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return what the file holds; that of ``-`` is the standard input. Raises ConfigError."""
    try:
        raw = (
            sys.stdin.buffer.read(LARGEST_LIST)
            if path == STANDARD_INPUT
            else read_file(path, LARGEST_LIST)
        )
        data = tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not valid TOML: it is nested too deeply") from error
    except ValueError as error:  # Python's limit for the digits of a number
        raise ConfigError(f"{path} is not valid TOML: a number in it is too long") from error
    if _has_nul(data):  # which no file name, no database and no DNS name can hold
        raise ConfigError(f"{path}: a text in it has the character \\u0000: remove it")
    return data


def _has_nul(data: object) -> bool:
    match data:
        case str():
            return "\0" in data
        case list():
            return any(map(_has_nul, data))
        case dict():
            return any(map(_has_nul, (*data, *data.values())))
    return False


def convert(data: object, into: type[T], where: str) -> T:
    """Turn what TOML holds into a type. Raises ConfigError, naming ``where`` and the key."""
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {complaint(error, into)}") from error


def complaint(
    error: msgspec.ValidationError, into: Any, *, table: str = "a table", key: str = ""
) -> str:
    """Return in our words what msgspec found wrong in data that should be of the type ``into``.

    Names the key by its path, and what is known there. ``table`` is what people call an object:
    "a table" in TOML, "an object" in JSON. ``key`` is where the data itself stands. What must
    match a pattern has a description, which is said in place of the pattern.
    """
    reason, _, rest = str(error).partition(" - at `")
    place, _, _ = rest.rpartition("`")
    # Of a wrong key msgspec says "key` in `$.table".
    path = place.rpartition("$")[2].lstrip(".")
    kinds = _kinds_at(_described(into), path)
    path = key + path
    if found := _UNKNOWN.fullmatch(reason):
        return _unknown(_join(path, found[1]), found[1], kinds)
    if found := _MISSING.fullmatch(reason):
        return f"'{_join(path, found[1])}' is missing"
    subject = f"'{path}'" if path else "it"
    if found := _CHOICE.fullmatch(reason):
        choices = ", ".join(map(str, _choices(kinds)))
        return f"{subject} is {found[1]}, which is not one of {choices}"
    if reason.endswith("of length >= 1"):
        return f"{subject} must not be empty"
    if " matching regex " in reason and (rule := _description(kinds)):
        return f"{subject} is not valid: {rule[0].lower()}{rule[1:].removesuffix('.')}"
    if found := _EXPECTED.fullmatch(reason):
        return f"{subject} must be {_expected(found[1], table)}{_but(found, table)}"
    return f"'{path}': {reason}" if path else reason


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(shown: str, name: str, kinds: Iterable[inspect.Type]) -> str:
    known = [
        field.encode_name
        for kind in kinds
        if isinstance(kind, inspect.StructType)
        for field in kind.fields
    ]
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"'{shown}' is not known: did you mean '{near[0]}'?"
    if len(known) > _MOST_KNOWN:
        return f"'{shown}' is not known: remove it, or check its spelling and its place"
    return f"'{shown}' is not known: known here are {', '.join(known)}"


def _expected(kinds: str, table: str) -> str:
    names = [one for one in kinds.split(" | ") if one != "null"] or ["null"]
    return " or ".join(table if one == "object" else _WORDS.get(one, one) for one in names)


def _but(found: re.Match[str], table: str) -> str:
    """Say what it is instead, or the limit that it breaks."""
    if found[2]:
        is_fraction = found[2] == "float" and "int" in found[1]
        return f", not {'a fraction' if is_fraction else _expected(found[2], table)}"
    limit = _LIMIT.fullmatch(found[3] or "")
    if not limit:
        return f" {found[3]}" if found[3] else ""
    if limit[1]:
        unit = "characters" if found[1] == "str" else "entries"
        return f" of {_LIMITS[limit[2]]} {limit[3]} {unit}"
    return f", {_LIMITS[limit[2]]} {limit[3]}"


def _kinds_at(kind: inspect.Type, path: str) -> list[inspect.Type]:
    """Return the types that may stand at a path such as ``zones[0].port``."""
    kinds = _each(kind)
    for step in _STEP.finditer(f".{path}" if path else ""):
        kinds = [one for kind in kinds for one in _below(kind, step[1])]
    return kinds


def _below(kind: inspect.Type, name: str | None) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _below(kind.type, name)
    if isinstance(kind, inspect.StructType):
        return [
            one for field in kind.fields if field.encode_name == name for one in _each(field.type)
        ]
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return _each(kind.item_type)
    return _each(kind.value_type) if isinstance(kind, inspect.DictType) else []


def _each(kind: inspect.Type) -> list[inspect.Type]:
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _description(kinds: Iterable[inspect.Type]) -> str:
    for kind in kinds:
        if isinstance(kind, inspect.Metadata) and kind.extra_json_schema:
            return str(kind.extra_json_schema.get("description", ""))
    return ""


def _choices(kinds: Iterable[inspect.Type]) -> Iterable[object]:
    for kind in kinds:
        if isinstance(kind, inspect.LiteralType):
            yield from kind.values
        elif isinstance(kind, inspect.EnumType):
            yield from (member.value for member in kind.cls)


def read_reference(text: str, what: str) -> str:
    """Return the value that ``text`` means; ``what`` names it in errors.

    A file's last line end is dropped. Raises InvalidInputError, which never shows the value.
    """
    _require_text(text, f"{what}: its value")
    if text.startswith("@"):
        path = Path(text[1:])
        try:
            return read_file(path).decode().removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInputError(f"{what}: cannot read {path}: {reason}") from error
    if text.startswith("env:"):
        variable = text.removeprefix("env:")
        value = os.environ.get(variable)
        if value is None:
            raise InvalidInputError(f"{what}: the environment variable {variable} is not set")
        _require_text(value, f"{what}: ${variable}")
        return value
    return text


def check_stored_reference(field: str, text: str) -> None:
    """Raise InvalidInputError for ``@file`` with a relative path: it is read in other folders."""
    if text.startswith("@"):
        absolute_path(f"{field}: the path after @", text[1:])


def is_reference(text: str) -> bool:
    """Tell whether the value stands elsewhere, in a file or in the environment."""
    return text.startswith(("@", "env:"))


def _require_text(value: str, what: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:  # bytes that were no UTF-8 come as lone surrogates
        raise InvalidInputError(f"{what} is not UTF-8 text") from error
