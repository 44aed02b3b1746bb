"""Whether a provider, or a deployment task, can use the fields of a credential."""

from __future__ import annotations

from collections.abc import Mapping

from zoneproof.core.errors import InvalidInputError
from zoneproof.deployment import check_task_fields, task_kinds
from zoneproof.manager.manager import Manager
from zoneproof.providers import CredentialField, ProviderInfo, describe, require_files


def require_usable(manager: Manager, kind: str, fields: Mapping[str, str]) -> None:
    """Raise InvalidInputError for what a provider, or a deployment task, cannot use.

    Of a task's fields its definition may have the rest.
    """
    if kind not in task_kinds():
        info = describe(kind)
        require_all(info, fields)
        manager.providers.open(kind, fields)
        require_files(info, fields)
    elif fields:
        check_task_fields(kind, fields)
    else:
        raise InvalidInputError(f"say what to store for the deployment task {kind}: add --field")


def missing_fields(info: ProviderInfo, fields: Mapping[str, str]) -> list[CredentialField]:
    """Return the required fields that are not there."""
    return [field for field in info.fields if field.is_missing(fields)]


def require_all(info: ProviderInfo, fields: Mapping[str, str]) -> None:
    """Raise InvalidInputError, which names all required fields that are not there."""
    missing = missing_fields(info, fields)
    if not missing:
        return
    named = "; ".join(f"{field.name} ({field.help})" for field in missing)
    options = " ".join(f"--field {field.name}=..." for field in missing)
    raise InvalidInputError(f"provider {info.slug} needs {named}: add {options}")
