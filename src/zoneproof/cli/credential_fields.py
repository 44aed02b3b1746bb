"""A provider's fields from the command line, and from a person at a terminal."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from zoneproof.cli.asking import ask
from zoneproof.cli.output import warn_of_literals
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import exposure
from zoneproof.core.text import printable
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


def warn_of_literal(option: str, value: str) -> None:
    """Warn if others can read the secret that is an option's value."""
    warn_of_open_files([value])
    if value and not is_reference(value):
        warn_of_literals([option], f"{option} @FILE or {option} env:VARIABLE")


def warn_of_open_files(secrets: Iterable[str]) -> None:
    """Warn of those given as ``@file`` whose file is open to others."""
    for path in (Path(text[1:]) for text in secrets if text.startswith("@")):
        with suppress(OSError):  # which reading it tells
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and (text := exposure(path, status)):
                text += ", and replace the secret if somebody may have read it"
                click.echo(f"zoneproof: warning: {printable(text)}", err=True)


def given_fields(info: ProviderInfo | TaskInfo, texts: Sequence[str]) -> dict[str, str]:
    """Read the options, and warn of secrets that others can read there or in files.

    Raises InvalidInputError, also for a field that the provider or task does not have.
    """
    fields = parse_fields(texts)
    if isinstance(info, ProviderInfo):
        check_names(info, fields)
    else:
        check_task_fields(info.slug, fields)
    pairs = {name.strip(): value for name, _, value in (text.partition("=") for text in texts)}
    secrets = secret_fields(info.slug, fields)
    warn_of_open_files(pairs[name] for name in secrets)
    seen = [name for name in secrets if not is_reference(pairs[name])]
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
