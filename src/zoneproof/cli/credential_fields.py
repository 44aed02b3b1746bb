"""A provider's fields from the command line, and from a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import click

from zoneproof.cli.asking import ask
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.toml import is_reference, read_reference
from zoneproof.deployment import TaskInfo, check_task_fields
from zoneproof.manager.certificates.task_definition import describe_kind, secret_fields
from zoneproof.providers import (
    CredentialField,
    ProviderInfo,
    check_answer,
    check_names,
)


def parse_fields(texts: Sequence[str]) -> dict[str, str]:
    """Read ``name=value``, ``name=@file`` and ``name=env:VARIABLE``.

    Raises InvalidInputError, which never shows a value.
    """
    fields = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise InvalidInputError("--field needs name=value, name=@file or name=env:VARIABLE")
        name = name.strip()
        if name in fields:
            raise InvalidInputError(f"--field {name} is given twice: give it once")
        fields[name] = read_reference(value, f"--field {name}")
    return fields


def warn_of_literals(what: Sequence[str], safer: str) -> None:
    """Warn of secrets that stand on the command line; ``safer`` says how else to give one."""
    if what:
        click.echo(
            f"zoneproof: warning: {' and '.join(what)} can be read by others in the process list"
            f" while this runs: {safer} is safer",
            err=True,
        )


def warn_of_literal(option: str, value: str) -> None:
    """Warn if the secret that is an option's value stands on the command line itself."""
    if value and not is_reference(value):
        warn_of_literals([option], f"{option} @FILE or {option} env:VARIABLE")


def given_fields(info: ProviderInfo | TaskInfo, texts: Sequence[str]) -> dict[str, str]:
    """Read the options, and warn once of secrets that stand on the command line.

    Raises InvalidInputError, also for a field that the provider or task does not have.
    """
    fields = parse_fields(texts)
    if isinstance(info, ProviderInfo):
        check_names(info, fields)
    else:
        check_task_fields(info.slug, fields)
    pairs = (text.partition("=") for text in texts)
    literal = [name.strip() for name, _, value in pairs if not is_reference(value)]
    seen = secret_fields(info.slug, {name: fields[name] for name in literal})
    warn_of_literals(seen, f"--field {seen[0]}=@FILE or {seen[0]}=env:VARIABLE" if seen else "")
    return fields


def given_for(kind: str, texts: Sequence[str]) -> dict[str, str]:
    """Return :func:`given_fields` of a provider, or of a kind of deployment task."""
    return given_fields(describe_kind(kind), texts)


def ask_for_rest(
    info: ProviderInfo, fields: Mapping[str, str], introduce: Callable[[], object]
) -> dict[str, str]:
    """Ask a person for what is required and was not given; if nothing was, also for a key.

    ``introduce`` is called before the first question. Each answer, and each field that was given,
    is checked at once. Raises InvalidInputError for the latter.
    """
    answers = dict(fields)
    for field in info.fields:
        if field.name in answers:
            check_answer(info.slug, field, answers[field.name])
    for field in info.fields:
        if field.name in answers or not _is_asked_for(field, info, fields, answers):
            continue
        if answers == fields:
            introduce()
        answers[field.name] = ask(
            f"{field.name} ({field.help})",
            partial(check_answer, info.slug, field),
            default=None if field.is_missing(answers) else field.default,
            hidden=field.secret,
        )
    return answers


def _is_asked_for(
    field: CredentialField,
    info: ProviderInfo,
    given: Mapping[str, str],
    answers: Mapping[str, str],
) -> bool:
    if field.is_missing(answers):
        return True
    has_key = any(answers.get(one.name) for one in info.fields if one.secret)
    if given or has_key or answers.get(field.needed_with) == "":
        return False
    return field.secret or field.name in {one.needed_with for one in info.fields}
