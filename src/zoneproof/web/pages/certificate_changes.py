"""Changing a certificate: a form with its methods as a list, and its whole definition as TOML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.manager import CertificateDefinition, Proposal, field_text
from zoneproof.manager.certificates.definition import of_our_key
from zoneproof.manager.certificates.definition_file import format_definitions, parse_definition
from zoneproof.manager.certificates.proposal import save, task_warnings
from zoneproof.pages.forms import Form
from zoneproof.pages.seen import require_seen, seen_with
from zoneproof.web.pages.certificate import frame
from zoneproof.web.pages.choices import account_choices, credential_choices, key_types
from zoneproof.web.pages.method_forms import (
    MethodForm,
    definitions,
    read_methods,
    rearranged,
    validated,
)
from zoneproof.web.pages.views import noting_news
from zoneproof.web.visits import Page, Visit

_TEXTS = (
    *("account", "key_type", "profile", "preferred_profile", "preferred_chain"),
    *("key_group", "key_mode"),
)
_BOXES = ("renew", "reuse_key", "ignore_caa", "combined", "pkcs12")


def pages() -> list[Page]:
    """Return the pages."""
    at = "/certificates/{name}/definition"
    return [
        Page("GET", at, _show),
        Page("POST", at, _save, "administrator"),
        Page("POST", f"{at}/toml", _save_toml, "administrator"),
    ]


@dataclass(frozen=True)
class DefinitionForm:
    """What the form of a definition holds, stored or typed; ``focus`` is the method in hand."""

    form: Form
    methods: tuple[MethodForm, ...]
    focus: int | None = None

    @classmethod
    def of(cls, definition: CertificateDefinition) -> DefinitionForm:
        """Return the form of a stored definition."""
        texts = {name: field_text(getattr(definition, name)) for name in _TEXTS}
        texts["names"] = "\n".join(definition.identifiers)
        texts["fallback_accounts"] = " ".join(definition.fallback_accounts)
        boxes = {name: "yes" for name in _BOXES if getattr(definition, name)}
        methods = tuple(map(MethodForm.of, definition.method))
        return cls(Form([*texts.items(), *boxes.items()]), methods)


async def _show(
    visit: Visit,
    error: ZoneproofError | None = None,
    *,
    typed: DefinitionForm | None = None,
    toml: str = "",
) -> Response:
    context = await frame(visit, "definition")
    definition: CertificateDefinition = context["found"].certificate.definition
    shown = typed or DefinitionForm.of(definition)
    names = definition.identifiers if definition.csr else shown.form.words("names")
    by_method, rest = validated(names, shown.methods)
    stored = format_definitions([definition])
    return visit.page(
        "certificate_definition.html",
        400 if error else 200,
        **context,
        definition=definition,
        form=shown.form,
        focus=shown.focus,
        methods=list(zip(shown.methods, by_method, strict=True)),
        rest=rest,
        accounts=await account_choices(visit.manager, definition.account),
        key_types=key_types(),
        credentials=await credential_choices(visit.manager),
        seen=seen_with(visit.form, error, stored),
        toml=toml or stored,
        error=visit.refused(error) if error else "",
    )


async def _save(visit: Visit) -> Response:
    form = visit.form
    typed = DefinitionForm(form, tuple(read_methods(form)))
    if form.text("do"):
        methods, focus = rearranged(typed.methods, form.text("do"))
        return await _show(visit, typed=DefinitionForm(form, tuple(methods), focus))
    visit.does("edit", visit.name)
    before = (await visit.manager.certificates.get(visit.name)).definition
    try:
        _require_seen(form, before)
        changed = _changed(form, typed.methods, before)
        password = form.secret("pkcs12_password") if changed.pkcs12 else ""
        return await _saved(visit, changed, before, password or None)
    except ZoneproofError as error:
        return await _show(visit, error, typed=typed)


def _changed(
    form: Form, methods: Sequence[MethodForm], before: CertificateDefinition
) -> CertificateDefinition:
    """Return the definition as the form says it. Raises InvalidInputError."""
    texts = {name: form.text(name) for name in _TEXTS}
    boxes = {name: form.is_on(name) for name in _BOXES}
    if not before.csr and texts["key_type"] not in key_types():
        raise InvalidInputError(f"choose a kind of key: {', '.join(key_types())}")
    stays = of_our_key() if before.csr else ()
    said = {name: value for name, value in {**texts, **boxes}.items() if name not in stays}
    return replace(
        before,
        identifiers=before.identifiers if before.csr else form.words("names"),
        fallback_accounts=form.words("fallback_accounts"),
        method=definitions(methods),
        **said,
    )


def _require_seen(form: Form, before: CertificateDefinition) -> None:
    """Raise UnseenChangeError if the definition is not the one that the page showed."""
    require_seen(form, format_definitions([before]), before.name)


async def _save_toml(visit: Visit) -> Response:
    visit.does("edit", visit.name)
    before = (await visit.manager.certificates.get(visit.name)).definition
    text = visit.form.text("toml")
    try:
        _require_seen(visit.form, before)
        changed = parse_definition(text)
        if changed.name != before.name:
            raise InvalidInputError(f"the name of {before.name} stays: this says {changed.name}")
        return await _saved(visit, changed, before)
    except ZoneproofError as error:
        return await _show(visit, error, toml=text)


async def _saved(
    visit: Visit,
    changed: CertificateDefinition,
    before: CertificateDefinition,
    password: str | None = None,
) -> Response:
    wanted = Proposal(changed.check(), pkcs12_password=password)
    news: list[str] = []
    await save(visit.manager, wanted, before, noting_news(news))
    changes = wanted.changes_of(before)
    visit.does("edit", f"{before.name}: {'; '.join(changes) or 'nothing'}")
    path = f"/certificates/{before.name}/definition"
    if not changes:
        return visit.go(path, "Nothing was changed.")
    told = "; ".join(changes)
    note = f"Saved: {told}. The next renewal uses it, or renew it now."
    warnings = await task_warnings(visit.manager, before, wanted.definition)
    return visit.go(path, " ".join((note, *news, *(f"Warning: {one}." for one in warnings))))
