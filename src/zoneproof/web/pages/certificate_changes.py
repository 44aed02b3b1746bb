"""Changing a certificate: a form for what is changed often, and its whole definition as TOML."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.manager import CertificateDefinition, Proposal, describe_changes
from zoneproof.manager.certificates.definition_file import format_definitions, parse_definition
from zoneproof.manager.certificates.proposal import CertificateOptions, save
from zoneproof.pages.forms import Form
from zoneproof.web.pages.certificate import frame
from zoneproof.web.pages.choices import account_choices, credential_choices, key_types
from zoneproof.web.visits import Page, Visit


def pages() -> list[Page]:
    """Return the pages."""
    at = "/certificates/{name}/definition"
    return [
        Page("GET", at, _show),
        Page("POST", at, _save, "administrator"),
        Page("POST", f"{at}/toml", _save_toml, "administrator"),
    ]


async def _show(visit: Visit, error: str = "", toml: str = "") -> Response:
    context = await frame(visit, "definition")
    definition: CertificateDefinition = context["found"].certificate.definition
    return visit.page(
        "certificate_definition.html",
        400 if error else 200,
        **context,
        definition=definition,
        names="\n".join(definition.identifiers),
        accounts=await account_choices(visit.manager, definition.account),
        key_types=key_types(),
        methods=context["found"].method_rows(),
        credentials=await credential_choices(visit.manager),
        toml=toml or format_definitions([definition]),
        error=error,
        today=datetime.now(UTC).date(),
    )


async def _save(visit: Visit) -> Response:
    visit.does("edit", visit.name)
    before = (await visit.manager.certificates.get(visit.name)).definition
    form = visit.form
    try:
        changed = _with_method(form, before)
        changed = replace(
            changed,
            identifiers=form.words("names") if not before.csr else before.identifiers,
            account=form.text("account"),
            renew=form.is_on("renew"),
        )
        if not before.csr:
            kind = form.text("key_type")
            if kind not in key_types():
                raise InvalidInputError(f"choose a kind of key: {', '.join(key_types())}")
            changed = replace(changed, key_type=kind, reuse_key=form.is_on("reuse_key"))
        return await _saved(visit, changed, before)
    except ZoneproofError as error:
        return await _show(visit, visit.refused(error))


def _with_method(form: Form, before: CertificateDefinition) -> CertificateDefinition:
    """Return the definition with the method that the form chooses, if it chooses another one."""
    way, credential = form.text("way"), form.text("credential")
    if way == "manual":
        return CertificateOptions(provider="manual").applied_to(before).definition
    if way == "credential":
        if not credential:
            raise InvalidInputError("choose a credential")
        return CertificateOptions(credential=credential).applied_to(before).definition
    return before


async def _save_toml(visit: Visit) -> Response:
    visit.does("edit", visit.name)
    before = (await visit.manager.certificates.get(visit.name)).definition
    text = visit.form.text("toml")
    try:
        changed = parse_definition(text)
        if changed.name != before.name:
            raise InvalidInputError(f"the name of {before.name} stays: this says {changed.name}")
        return await _saved(visit, changed, before)
    except ZoneproofError as error:
        return await _show(visit, visit.refused(error), text)


async def _saved(
    visit: Visit, changed: CertificateDefinition, before: CertificateDefinition
) -> Response:
    wanted = Proposal(changed.check())
    await save(visit.manager, wanted, before)
    changes = describe_changes(before, wanted.definition)
    visit.does("edit", f"{before.name}: {'; '.join(changes) or 'nothing'}")
    path = f"/certificates/{before.name}/definition"
    if not changes:
        return visit.go(path, "Nothing was changed.")
    told = "; ".join(changes)
    return visit.go(path, f"Saved: {told}. The next renewal uses it, or renew it now.")
