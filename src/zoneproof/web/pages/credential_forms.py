"""A credential as forms give it: checked, and shown again without its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import Credential, Manager, credential_summaries, secret_fields
from zoneproof.manager.credentials.expiry import parse_expiry
from zoneproof.manager.credentials.fields import missing_fields, require_usable
from zoneproof.pages.forms import Form
from zoneproof.providers import ProviderInfo, describe, short_name


@dataclass(frozen=True)
class CredentialForm:
    """What a form shows of a new credential.

    ``values`` are those of fields that hold no secret, and ``lost`` are the names of the secrets
    that were typed and have to be typed again, because no page repeats them.
    """

    info: ProviderInfo
    name: str
    values: Mapping[str, str]
    lost: frozenset[str]
    expires: str

    @classmethod
    async def of(cls, manager: Manager, info: ProviderInfo, form: Form) -> CredentialForm:
        """Return what to show of what somebody has typed, if anything."""
        given = given_fields(form)
        values = open_values(info, given)
        return cls(
            info,
            form.text("credential_name") or await free_name(manager, info.slug),
            values,
            frozenset(given) - frozenset(values),
            form.text("expires"),
        )


def given_fields(form: Form) -> dict[str, str]:
    """Return the fields of a provider or a deployment task that are filled in."""
    fields = form.below("field.")
    return {name: value.strip() for name, value in fields.items() if value.strip()}


def open_values(info: ProviderInfo, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of those fields of the provider that hold no secret."""
    known = {name: value for name, value in given.items() if info.field(name)}
    hidden = secret_fields(info.slug, known)
    return {name: value for name, value in known.items() if name not in hidden}


async def read_credential(manager: Manager, form: Form) -> Credential:
    """Return the new credential that a form describes, which is not stored.

    Raises InvalidInputError for one that could not be stored or used.
    """
    if not form.text("provider"):
        raise InvalidInputError("choose the DNS provider that the new credential is for")
    info, name = describe(form.text("provider")), form.text("credential_name")
    given = given_fields(form)
    if missing := missing_fields(info, given):
        named = "; ".join(f"{one.name} ({one.help})" for one in missing)
        raise InvalidInputError(f"fill in what {info.title} needs: {named}")
    expires = parse_expiry(form.text("expires")) if form.text("expires") else None
    await manager.credentials.require_free(name)
    require_usable(manager, info.slug, given)
    return Credential(name, info.slug, given, expires=expires)


async def free_name(manager: Manager, slug: str) -> str:
    """Return a name for a new credential of a provider that no other one has."""
    taken = {one.name for one in await credential_summaries(manager.store)}
    usual = short_name(slug)
    numbered = (f"{usual}-{number}" for number in range(2, len(taken) + 2))
    return next(name for name in (usual, *numbered) if name not in taken)
