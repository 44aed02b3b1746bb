"""Accounts at CAs: register, see, give a new key, CAA records to paste, remove."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.acme import KNOWN, ExternalAccountBinding
from zoneproof.core.errors import InvalidInputError, TermsNotAgreedError, ZoneproofError
from zoneproof.core.names import Identifier, require_email
from zoneproof.core.text import some
from zoneproof.manager import AccountTerms, open_manager
from zoneproof.manager.accounts import changes
from zoneproof.web.visits import Page, Visit

BUNDLE = "File of roots to trust"  # which commands call --ca-bundle
_USERS = 10  # certificates that are named


def pages() -> list[Page]:
    """Return the pages; accounts may be called by URLs, so names are in the query."""
    return [
        Page("GET", "/accounts", _list),
        Page("GET", "/accounts/one", _show),
        Page("GET", "/accounts/new", _new, "administrator"),
        Page("POST", "/accounts/new", _register, "administrator"),
        Page("GET", "/accounts/roll-over", _ask_to_roll_over, "administrator"),
        Page("POST", "/accounts/roll-over", _roll_over, "administrator"),
        Page("GET", "/accounts/remove", _ask_to_remove, "administrator"),
        Page("POST", "/accounts/remove", _remove, "administrator"),
    ]


async def _list(visit: Visit) -> Response:
    return visit.page(
        "accounts.html",
        accounts=[one.facts for one in await visit.manager.accounts.all()],
        usual=visit.manager.settings.account,
    )


async def _show(visit: Visit, records: tuple[str, ...] = (), error: str = "") -> Response:
    name, names = visit.query.text("name"), visit.query.words("caa")
    found = await changes.details(visit.manager, name, ask_ca=visit.query.is_on("ask"))
    if names:
        account = await visit.manager.accounts.get(name)
        try:
            domains = [Identifier.parse(text).domain for text in names]
            _, found_records = await changes.caa_records(
                visit.manager.directories, account, domains, "dns-01"
            )
            records = tuple(found_records)
        except ZoneproofError as problem:
            error = problem.message
    return visit.page(
        "account.html",
        400 if error else 200,
        found=found,
        rows=_rows(found),
        records=records,
        names=" ".join(names),
        error=error,
    )


def _rows(found: changes.AccountDetails) -> dict[str, str]:
    rows = found.rows()
    return rows | {"used by": some(found.used_by, _USERS)} if found.used_by else rows


async def _new(visit: Visit, error: str = "", terms_url: str = "") -> Response:
    form = visit.form
    return visit.page(
        "new_account.html",
        400 if error else 200,
        form=form,
        authorities={"": "another, by its directory URL"}
        | {name: ca.title for name, ca in KNOWN.items()},
        ca=form.text("ca") or ("" if form.text("directory") else "letsencrypt"),
        email=form.text("email") or visit.manager.settings.email,
        error=error,
        bundle=BUNDLE,
        is_open=bool(form.text("eab_kid") or form.text("ca_bundle"))
        or any(words in error for words in (BUNDLE, "external account binding")),
        terms_url=terms_url,
    )


async def _register(visit: Visit) -> Response:
    form = visit.form
    ca = form.text("directory") or form.text("ca")
    visit.does("account register", form.text("name") or ca)
    try:
        if not ca:
            raise InvalidInputError("choose a CA, or give the URL of its directory")
        options = replace(visit.site.options, terms=_terms(visit))
        async with open_manager(visit.site.home, options) as manager:
            registered = await changes.register(manager, ca, form.text("name"))
    except TermsNotAgreedError as error:
        visit.refused(error)
        return await _new(visit, error.bare, error.url)
    except ZoneproofError as error:
        return await _new(visit, visit.refused(error).replace("--ca-bundle", f"'{BUNDLE}' below"))
    return visit.go("/accounts", f"{registered.text[:1].upper()}{registered.text[1:]}.")


def _terms(visit: Visit) -> AccountTerms:
    form, eab = visit.form, None
    kid, key = form.text("eab_kid"), form.text("eab_hmac_key")
    if bool(kid) != bool(key):
        raise InvalidInputError("external account binding needs both a key id and a key")
    if kid:
        eab = ExternalAccountBinding(kid, key)
    if form.text("email"):
        require_email(form.text("email"))
    bundle = form.text("ca_bundle")
    return AccountTerms(
        email=form.text("email"),
        agree_to_terms=form.is_on("agree"),
        eab=eab,
        ca_bundle=Path(bundle) if bundle else None,
    )


async def _ask_to_roll_over(visit: Visit) -> Response:
    account = await visit.manager.accounts.get(visit.query.text("name"))
    return visit.page(
        "ask.html",
        heading=f"Give {account.name} a new key?",
        text="The CA accepts only the new key then: copies of this home, and other clients that use"
        " the account, stop working.",
        button="Give it a new key",
        back=_path_of(account.name),
        fields={"name": account.name},
    )


async def _roll_over(visit: Visit) -> Response:
    name = visit.form.text("name")
    visit.does("account rollover", name)
    account = await changes.roll_over(visit.manager, name)
    return visit.go("/accounts/one", f"{account.name} has a new key.", name=account.name)


async def _ask_to_remove(visit: Visit) -> Response:
    account = await visit.manager.accounts.get(visit.query.text("name"))
    return visit.page(
        "remove_used.html",
        heading=f"Remove the account {account.name} here?",
        text="Its key is deleted for good: nobody can use the account, or revoke with it, unless"
        " there is a copy. It still exists at its CA.",
        users=await changes.certificates_using(visit.manager, account),
        button="Remove it and its key",
        back=_path_of(account.name),
        fields={"name": account.name},
    )


def _path_of(name: str) -> str:
    return f"/accounts/one?{urlencode({'name': name})}"


async def _remove(visit: Visit) -> Response:
    name = visit.form.text("name")
    visit.does("account remove", name)
    account = await visit.manager.accounts.get(name)
    await changes.remove(visit.manager, account, force=visit.form.is_on("force"))
    return visit.go("/accounts", f"{account.name} is removed here; it still exists at its CA.")
