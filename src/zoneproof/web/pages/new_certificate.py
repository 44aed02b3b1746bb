"""A new certificate: names, how to validate them, the CA, a preview, and then the request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.manager import (
    AccountTerms,
    Proposal,
    RunOptions,
    default_name,
    open_manager,
    preview,
)
from zoneproof.manager.certificates.definition_file import format_definitions
from zoneproof.manager.certificates.name_look import look_at_names
from zoneproof.manager.certificates.options import CertificateOptions
from zoneproof.manager.certificates.proposal import define, require_usable
from zoneproof.pages.forms import Form
from zoneproof.pages.seen import revision
from zoneproof.web.pages import inline_credential
from zoneproof.web.pages.actions import start_request
from zoneproof.web.pages.choices import account_choices, credential_choices, key_types
from zoneproof.web.pages.inline_credential import (
    InlineCredential,
    WantedCredential,
    wanted_credentials,
)
from zoneproof.web.pages.method_forms import (
    BY_HAND_WAYS,
    HTTP_WAYS,
    MethodForm,
    by_credential,
    definitions,
    read_methods,
    rearranged,
    validated,
)
from zoneproof.web.pages.preview_view import PreviewView
from zoneproof.web.visits import Page, Visit

_MOST_LOOKED_AT = 20
_WAYS_OF_ADMINISTRATORS = (inline_credential.WAY, *HTTP_WAYS)
_OF_CREDENTIALS = {"credential": "credential", inline_credential.WAY: "credential_name"}  # fields
_OF_CERTIFICATE = ("account", "key_type", "profile", "preferred_chain")
_ANOTHER = "You changed what is wanted after the preview: this is what would happen now."
# What a look at the names depends on: never the fields of a credential, as it is in a URL.
_LOOKED_AT_WITH = "#names, #account, #directory, #provider, [name=way]:checked"


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/new-certificate", _show, "operator"),
        Page("GET", "/new-certificate/look", _look, "operator"),
        Page("POST", "/new-certificate", _submit, "operator"),
        *inline_credential.pages(),
    ]


async def _show(visit: Visit) -> Response:
    return await _form(visit, visit.query)


async def _form(visit: Visit, form: Form, error: str = "", **more: Any) -> Response:
    credentials = await credential_choices(visit.manager)
    methods = more.pop("methods", None)
    if methods is None:
        methods = read_methods(form, are_new=True)
    by_method, _ = validated(form.words("names"), [MethodForm.of(), *methods])
    context = {
        "form": form,
        "names": "\n".join(form.words("names")),
        "way": form.text("way") or _usual_way(visit, credentials),
        "inline": await _inline(visit, form, more.get("wanted", ())),
        "included": _LOOKED_AT_WITH,
        "credentials": credentials,
        "accounts": await account_choices(visit.manager),
        "key_types": key_types(),
        "email": form.text("email") or visit.manager.settings.email,
        "error": error,
        "preview": None,
        "previewed": "",
        "looks": None,
        "methods": list(zip(methods, by_method[1:], strict=True)),
        "focus": None,
    }
    return visit.page("new_certificate.html", 400 if error else 200, **context | more)


def _usual_way(visit: Visit, credentials: Collection[str]) -> str:
    if credentials:
        return "credential"
    return inline_credential.WAY if visit.may("administrator") else "manual"


async def _inline(
    visit: Visit, form: Form, wanted: Sequence[WantedCredential]
) -> InlineCredential | None:
    """Return what is shown of a new credential, None for who may not store one."""
    if not visit.may("administrator"):
        return None
    return await InlineCredential.of(visit.manager, form, wanted)


async def _look(visit: Visit) -> Response:
    form = visit.query
    found = await _looks(visit, form)
    return visit.page(
        "name_looks.html",
        **found,
        inline=await _inline(visit, form, found["wanted"]),
        way=form.text("way"),
        chosen=form.text("provider"),
        is_part=True,
    )


async def _looks(visit: Visit, form: Form) -> dict[str, Any]:
    """Return what the DNS says of the names, and what is still needed."""
    await _require_permitted(visit, form)
    names = form.words("names")
    looks = await look_at_names(visit.manager, names[:_MOST_LOOKED_AT], _account(form))
    wanted = wanted_credentials(looks)
    return {
        "looks": looks,
        "more": max(len(names) - len(looks), 0),
        "wanted": wanted,
    }


async def _submit(visit: Visit) -> Response:
    form, step = visit.form, visit.form.text("step")
    shown: dict[str, Any] = {}
    told = ""
    try:
        await _require_permitted(visit, form)
        if form.text("do"):
            methods, focus = rearranged(read_methods(form, are_new=True), form.text("do"))
            return await _form(visit, form, methods=methods, focus=focus)
        if step == "look":
            return await _form(visit, form, **await _looks(visit, form))
        if step == "fields":
            return await _form(visit, form.but(inline_credential.ANOTHER))
        if step == "store" or form.text("way") == inline_credential.WAY:
            if step != "store":
                await _proposal(visit, form)  # what is wrong with the names is told first
            form = await inline_credential.store(visit, form)
            told = f"{form.text('credential')} is stored, encrypted."
        if step == "store":
            return await _form(visit, form, note=told)
        options = _run_options(visit.site.options, form)
        async with open_manager(visit.site.home, options, needs_secrets=False) as manager:
            wanted = await _proposal(visit, form)
            await require_usable(manager.checks, manager.credentials, wanted)
            (found,) = await preview(manager, [wanted.definition])
        view, previewed = PreviewView(found), _revision(wanted, form)
        shown = {"preview": view, "previewed": previewed}
        if step == "request" and form.text("previewed") != previewed:
            told = f"{told} {_ANOTHER}".lstrip()
        elif step == "request":
            return _request(visit, wanted, view, options)
        return await _form(visit, form, note=told, **shown)
    except ZoneproofError as error:
        # A credential that is stored is so, whatever else is refused.
        message = error.message if told else visit.refused(error)
        return await _form(visit, form, message, note=told, **shown)


def _revision(wanted: Proposal, form: Form) -> str:
    """Return what tells the previewed from every other that could be requested."""
    return revision(f"{format_definitions([wanted.definition])} {form.text('email')}")


def _request(visit: Visit, wanted: Proposal, view: PreviewView, options: RunOptions) -> Response:
    """Request what was previewed. Raises InvalidInputError."""
    name = wanted.definition.name
    visit.does("request", f"{name}: {', '.join(wanted.definition.identifiers)}")
    if view.terms_url and not visit.form.is_on("agree"):
        raise InvalidInputError("agree to the CA's terms of service first")
    if view.found.would_fail and not visit.form.is_on("accept"):
        raise InvalidInputError("there are problems: solve them, or tick that you accept them")
    run = start_request(visit.site.runs, visit.person, wanted, None, options)
    return visit.go(f"/runs/{run.id}")


async def _require_permitted(visit: Visit, form: Form) -> None:
    """Raise InvalidInputError for what only an administrator chooses, whatever the form offered."""
    if visit.may("administrator"):
        return
    is_known_ca = _account(form) in await account_choices(visit.manager)
    ways = {form.text("way"), *(one.texts["way"] for one in read_methods(form, are_new=True))}
    if ways.intersection(_WAYS_OF_ADMINISTRATORS) or not is_known_ca:
        raise InvalidInputError(
            "only an administrator chooses a folder or a port of this machine, or another CA"
        )


async def _proposal(visit: Visit, form: Form) -> Proposal:
    names = form.words("names")
    if not names:
        raise InvalidInputError("write at least one name: example.com, *.example.com")
    certificate = form.text("certificate") or default_name(names)
    wanted, before = await define(visit.manager, names, certificate, _options(form))
    if before is not None:
        raise InvalidInputError(
            f"the certificate {before.name} already exists: change that one, or give this one"
            " another name below"
        )
    return wanted


def _account(form: Form) -> str:
    return form.text("directory") or form.text("account")


def _options(form: Form) -> CertificateOptions:
    of_certificate = {key: form.text(key) for key in _OF_CERTIFICATE if form.text(key)}
    if form.text("directory"):
        of_certificate["account"] = form.text("directory")
    if of_certificate.get("key_type", "ec256") not in key_types():
        raise InvalidInputError(f"choose a kind of key: {', '.join(key_types())}")
    first = MethodForm.first(form, _way(form)).method()
    return CertificateOptions(
        of_certificate=of_certificate,
        methods=(first, *definitions(read_methods(form, are_new=True), first=2)),
    )


def _way(form: Form) -> str:
    """Return how the first method validates. Raises InvalidInputError."""
    way = form.text("way")
    if way in _OF_CREDENTIALS:
        credential = form.text(_OF_CREDENTIALS[way])
        if not credential:
            raise InvalidInputError("choose a credential, or enter a new one with its name")
        return by_credential(credential)
    if way not in (*BY_HAND_WAYS, *HTTP_WAYS):
        raise InvalidInputError("choose how the names are validated")
    return way


def _run_options(options: RunOptions, form: Form) -> RunOptions:
    terms = AccountTerms(email=form.text("email"), agree_to_terms=form.is_on("agree"))
    return replace(options, terms=terms)
