"""A new certificate: names, how to validate them, the CA, a preview, and then the request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from zoneproof.manager.certificates.name_look import look_at_names
from zoneproof.manager.certificates.proposal import CertificateOptions, define, require_usable
from zoneproof.pages.forms import Form
from zoneproof.web.pages.actions import start_request
from zoneproof.web.pages.choices import account_choices, credential_choices, key_types
from zoneproof.web.pages.preview_view import PreviewView
from zoneproof.web.visits import Page, Visit

_MOST_LOOKED_AT = 20
_WAYS = ("credential", "manual")
_WAYS_OF_ADMINISTRATORS = ("webroot", "standalone")
_OF_CERTIFICATE = ("account", "key_type", "profile", "preferred_chain")
_OF_METHOD = ("zone", "delegation", "propagation")


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/new-certificate", _show, "operator"),
        Page("GET", "/new-certificate/look", _look, "operator"),
        Page("POST", "/new-certificate", _submit, "operator"),
    ]


async def _show(visit: Visit) -> Response:
    return await _form(visit, visit.query)


async def _form(visit: Visit, form: Form, error: str = "", **more: Any) -> Response:
    credentials = await credential_choices(visit.manager)
    usual_way = "credential" if credentials else "manual"
    context = {
        "form": form,
        "names": "\n".join(form.words("names")),
        "way": form.text("way") or usual_way,
        "credentials": credentials,
        "accounts": await account_choices(visit.manager),
        "key_types": key_types(),
        "email": form.text("email") or visit.manager.settings.email,
        "error": error,
        "preview": None,
        "looks": None,
    }
    return visit.page("new_certificate.html", 400 if error else 200, **context | more)


async def _look(visit: Visit) -> Response:
    names = visit.query.words("names")
    await _require_permitted(visit, visit.query)
    looks = await look_at_names(visit.manager, names[:_MOST_LOOKED_AT], _account(visit.query))
    return visit.page("name_looks.html", looks=looks, more=max(len(names) - len(looks), 0))


async def _submit(visit: Visit) -> Response:
    form = visit.form
    view: PreviewView | None = None
    try:
        await _require_permitted(visit, form)
        if form.text("step") == "look":
            names = form.words("names")[:_MOST_LOOKED_AT]
            looks = await look_at_names(visit.manager, names, _account(form))
            return await _form(visit, form, looks=looks)
        options = _run_options(visit.site.options, form)
        async with open_manager(visit.site.home, options, needs_secrets=False) as manager:
            wanted = await _proposal(visit, form)
            await require_usable(manager.checks, manager.credentials, wanted)
            (found,) = await preview(manager, [wanted.definition], unsaved=wanted.credentials)
        view = PreviewView(found)
        if form.text("step") != "request":
            return await _form(visit, form, preview=view)
        name = wanted.definition.name
        visit.does("request", f"{name}: {', '.join(wanted.definition.identifiers)}")
        if view.terms_url and not form.is_on("agree"):
            raise InvalidInputError("agree to the CA's terms of service first")
        if found.would_fail and not form.is_on("accept"):
            raise InvalidInputError("there are problems: solve them, or tick that you accept them")
        run = start_request(visit.site.runs, visit.person, wanted, None, options)
        return visit.go(f"/runs/{run.id}")
    except ZoneproofError as error:
        return await _form(visit, form, visit.refused(error), preview=view)


async def _require_permitted(visit: Visit, form: Form) -> None:
    """Raise InvalidInputError for what only an administrator chooses, whatever the form offered."""
    if visit.may("administrator"):
        return
    is_known_ca = _account(form) in await account_choices(visit.manager)
    if form.text("way") in _WAYS_OF_ADMINISTRATORS or not is_known_ca:
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
    way = form.text("way")
    if way not in (*_WAYS, *_WAYS_OF_ADMINISTRATORS):
        raise InvalidInputError("choose how the names are validated")
    if way == "credential" and not form.text("credential"):
        raise InvalidInputError("choose a credential, or store one first")
    if way == "webroot" and not form.text("webroot"):
        raise InvalidInputError("say which folder the web server serves, as an absolute path")
    of_certificate = {key: form.text(key) for key in _OF_CERTIFICATE if form.text(key)}
    if form.text("directory"):
        of_certificate["account"] = form.text("directory")
    if of_certificate.get("key_type", "ec256") not in key_types():
        raise InvalidInputError(f"choose a kind of key: {', '.join(key_types())}")
    by_dns = way in ("credential", "manual")
    return CertificateOptions(
        of_certificate=of_certificate,
        of_method={key: form.text(key) for key in _OF_METHOD if by_dns and form.text(key)},
        provider="manual" if way == "manual" else "",
        credential=form.text("credential") if way == "credential" else "",
        webroot=form.text("webroot") if way == "webroot" else None,
        listen=":80" if way == "standalone" else None,
    )


def _run_options(options: RunOptions, form: Form) -> RunOptions:
    terms = AccountTerms(email=form.text("email"), agree_to_terms=form.is_on("agree"))
    return replace(options, terms=terms)
