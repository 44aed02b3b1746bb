"""The fields of what people set up: providers and deployment tasks, one description for both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize


class CredentialField(msgspec.Struct, frozen=True):
    """One setting of a provider or a deployment task. Without a default it is required.

    It is required, too, where the field ``needed_with`` is set. ``check`` reads a value, and raises
    InvalidInputError for one that cannot be used. ``file`` marks the path of a file on this
    machine: it sees whether what is there now can be used, and raises InvalidInputError if not.
    ``url`` marks a web address, in which a key may be hidden: people are shown it by
    :func:`zoneproof.providers.shown_field`, never as it is; ``shown`` says how, where more may be
    hidden in it than in others.
    ``rare`` marks what hardly anybody sets, so that nobody is asked for it.
    """

    name: str
    help: str
    secret: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()
    url: bool = False
    needed_with: str = ""
    check: Callable[[str], object] | None = None
    rare: bool = False
    file: Callable[[str], object] | None = None
    shown: Callable[[str], str] | None = None

    def is_missing(self, fields: Mapping[str, str]) -> bool:
        """Tell whether the field is required beside the others, and not given."""
        required = self.default is None or bool(fields.get(self.needed_with))
        return required and not fields.get(self.name)


def check_value(where: str, field: CredentialField, value: str) -> str:
    """Return a field's value; ``where`` says in errors whose it is.

    Raises InvalidInputError, which names the field.
    """
    if field.choices and value not in field.choices:
        raise InvalidInputError(
            f"{where}: '{sanitize(value)}' is not a valid {field.name}; choose one of"
            f" {', '.join(field.choices)}"
        )
    if field.check and (value or field.default is None):
        field.check(value)
    return value


def filled_in(
    where: str, fields: Iterable[CredentialField], given: Mapping[str, str], *, option: str = ""
) -> dict[str, str]:
    """Return the value of each field, with its default where none is given.

    ``option`` is what stands before the name of a field where people give it. Raises
    InvalidInputError for one that is missing or not valid.
    """
    values = {}
    for field in fields:
        value = given.get(field.name, field.default)
        if value is None or (value == "" and field.default is None):
            raise InvalidInputError(
                f"{where} needs the field '{field.name}' ({field.help}): add"
                f" {option}{field.name}=..."
            )
        values[field.name] = check_value(where, field, value)
    return values


def fields_table(fields: Iterable[CredentialField]) -> list[str]:
    """Return the lines of a table of the fields, in Markdown."""
    return ["| field | what it is | default |", "|---|---|---|", *map(_row, fields)]


def _row(field: CredentialField) -> str:
    what = field.help.replace("|", "\\|")
    if field.choices:
        what += f" ({', '.join(field.choices)})"
    if field.secret:
        what += "; secret"
    default = "required" if field.default is None else f"`{field.default}`" if field.default else ""
    return f"| `{field.name}` | {what} | {default} |"
