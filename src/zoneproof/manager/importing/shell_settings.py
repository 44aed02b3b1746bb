"""Reads the ``NAME='value'`` files of acme.sh, which a shell would run: here they are only read.

acme.sh writes every value in single quotes, and some as base64 between two marks, which its
``_save_conf`` adds and its ``_read_conf`` takes away. A value for which a shell would have to run
something or look something up is not guessed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.manager.importing.reading import read_text, shown

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_VALUE = re.compile(
    r"""(?:'(?P<single>[^']*)'|"(?P<double>[^"$`\\]*)"|(?P<bare>[^\s'"$`\\;&|<>()#]*))
    \s*(?:\#.*)?""",
    re.VERBOSE,
)
_BASE64_START, _BASE64_END = "__ACME_BASE64__START_", "__ACME_BASE64__END_"


@dataclass(frozen=True)
class Settings:
    """The values by name, with none of them in the repr, and a line for each that is unclear."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return a value, empty if it is not there."""
        return self.values.get(name, "")


def read_settings(path: Path) -> Settings:
    """Return a file's settings; of a name that is there twice the last. Raises InvalidInputError.

    Names without a usable value are named among the problems, and have none.
    """
    values: dict[str, str] = {}
    problems = []
    for line in read_text(path).split("\n"):
        match = _LINE.fullmatch(line.strip())
        if not match:
            continue
        value = _value(match[2])
        if value is None:
            problems.append(
                f"{shown(path)}: the value of {match[1][:80]} can only be known by running a shell"
            )
        else:
            values[match[1]] = value
    return Settings(values, tuple(problems))


def _value(text: str) -> str | None:
    match = _VALUE.fullmatch(text)
    if not match:
        return None
    value = match["single"] or match["double"] or match["bare"] or ""
    if value.startswith(_BASE64_START) and value.endswith(_BASE64_END):
        return _from_base64(value[len(_BASE64_START) : -len(_BASE64_END)])
    return value


def _from_base64(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None
