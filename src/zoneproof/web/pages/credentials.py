"""Credentials: the provider's own fields and notes, who uses them, and the test of one."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.core.errors import VaultError, ZoneproofError
from zoneproof.core.names import Identifier
from zoneproof.deployment import task_kinds
from zoneproof.manager import (
    Credential,
    CredentialTest,
    credential_summaries,
    credential_users,
    recognize_domain,
    remove_credential,
)
from zoneproof.manager.credentials.expiry import expiry_in_words, parse_expiry, reminder
from zoneproof.manager.credentials.fields import require_usable
from zoneproof.pages.seen import require_seen, seen_with
from zoneproof.providers import ProviderInfo, describe
from zoneproof.web.pages.actions import start_credential_test
from zoneproof.web.pages.credential_forms import (
    CredentialForm,
    given_fields,
    open_values,
    read_credential,
)
from zoneproof.web.pages.providers import credential_providers
from zoneproof.web.runs import WebRun
from zoneproof.web.visits import Page, Visit


def pages() -> list[Page]:
    """Return the pages."""
    at = "/credentials/{name}"
    return [
        Page("GET", "/credentials", _list),
        Page("GET", "/new-credential", _new, "administrator"),
        Page("POST", "/new-credential", _add, "administrator"),
        Page("GET", at, _show),
        Page("POST", at, _change, "administrator"),
        Page("POST", f"{at}/test", _test, "operator"),
        Page("GET", f"{at}/remove", _ask_to_remove, "administrator"),
        Page("POST", f"{at}/remove", _remove, "administrator"),
    ]


async def _list(visit: Visit) -> Response:
    today = datetime.now(UTC).date()
    found = [
        (
            one,
            expiry_in_words(one.expires, today) if one.expires else "",
            reminder(one.expires, today) is not None,
        )
        for one in await credential_summaries(visit.manager.store)
    ]
    return visit.page("credentials.html", found=found)


async def _new(visit: Visit) -> Response:
    slug = visit.query.text("provider")
    if slug:
        return await _form(visit, describe(slug))
    text = visit.query.text("q")
    found, told = credential_providers(text), ""
    if not found and "." in text:
        found, told = await _at(visit, text)
    return visit.page("choose_provider.html", providers=found, text=text, told=told)


async def _at(visit: Visit, domain: str) -> tuple[dict[str, str], str]:
    """Return the providers at which a domain is, with their titles, and what is to be told."""
    try:
        zone = await recognize_domain(visit.manager, Identifier.parse(domain).domain)
    except ZoneproofError as error:
        return {}, error.message
    if zone is None:
        return {}, f"the DNS does not tell where {domain} is"
    return {info.slug: info.title for info in zone.providers}, zone.text


async def _form(visit: Visit, info: ProviderInfo, error: str = "") -> Response:
    typed = await CredentialForm.of(visit.manager, info, visit.form)
    return visit.page("new_credential.html", 400 if error else 200, typed=typed, error=error)


async def _add(visit: Visit) -> Response:
    form = visit.form
    info, name = describe(form.text("provider")), form.text("credential_name")
    visit.does("credential add", name)
    try:
        await visit.manager.credentials.add(await read_credential(visit.manager, form))
    except ZoneproofError as error:
        return await _form(visit, info, visit.refused(error))
    return visit.go(f"/credentials/{name}", f"{name} is stored, encrypted. Test it now.")


async def _show(visit: Visit, error: ZoneproofError | None = None) -> Response:
    try:
        found, is_open = await visit.manager.credentials.get(visit.name), True
    except VaultError:  # which every page tells
        found, is_open = await visit.manager.credentials.get_emptied(visit.name), False
    is_for_task = found.provider in task_kinds()
    info = None if is_for_task else describe(found.provider)
    rows = found.rows()
    shown = open_values(info, found.fields) if info else {}
    typed = await CredentialForm.of(visit.manager, info, visit.form) if info and error else None
    return visit.page(
        "credential.html",
        400 if error else 200,
        found=found,
        is_open=is_open,
        info=info,
        rows=rows,
        values=typed.values if typed else shown,
        lost=typed.lost if typed else frozenset(),
        expires=typed.expires if typed else found.expires or "",
        users=await credential_users(visit.manager.store, found.name),
        runs=[run for run in visit.site.runs.latest() if _is_test_of(run, found.name)][:1],
        seen=seen_with(visit.form, error, _revision(found)),
        error=visit.refused(error) if error else "",
    )


def _revision(credential: Credential) -> str:
    """Return a text that every change makes another one; it tells nothing of the secrets."""
    return f"{credential.changed_at} {credential.expires}"


def _is_test_of(run: WebRun, name: str) -> bool:
    return isinstance(run.result, CredentialTest) and run.result.credential == name


async def _change(visit: Visit) -> Response:
    visit.does("credential set", visit.name)
    form, manager = visit.form, visit.manager
    before = await manager.credentials.get(visit.name)
    # What a form sends for a secret that stays is nothing.
    given = given_fields(form)
    gone = [key for key, text in form.below("field.").items() if not text.strip()]

    def change(found: Credential) -> Credential:
        require_seen(form, _revision(found), before.name)
        return replace(found, fields=fields, expires=expires)

    try:
        ends = form.required("expires")
        expires = parse_expiry(ends) if ends else None
        info = describe(before.provider)
        shown = open_values(info, before.fields)
        kept = {
            key: text for key, text in before.fields.items() if key not in shown or key not in gone
        }
        fields = kept | given
        require_usable(manager, before.provider, fields)
        await manager.credentials.change(before.name, change)
    except ZoneproofError as error:
        return await _show(visit, error)
    return visit.go(f"/credentials/{before.name}", f"{before.name} is changed.")


async def _test(visit: Visit) -> Response:
    credential = await visit.manager.credentials.get(visit.name)
    zone, read_only = visit.form.text("zone"), visit.form.is_on("read_only")
    visit.does("credential test", credential.name)
    run = start_credential_test(
        visit.site.runs, visit.person, credential, zone=zone, read_only=read_only
    )
    return visit.go(f"/runs/{run.id}")


async def _ask_to_remove(visit: Visit) -> Response:
    found = await visit.manager.credentials.get(visit.name)
    return visit.page(
        "remove_used.html",
        heading=f"Remove the credential {found.name}?",
        text="Its secrets are deleted here for good; they still work at the provider until you"
        " revoke them there.",
        users=await credential_users(visit.manager.store, found.name),
        button="Remove",
        back=f"/credentials/{found.name}",
    )


async def _remove(visit: Visit) -> Response:
    visit.does("credential remove", visit.name)
    await remove_credential(visit.manager.store, visit.name, force=visit.form.is_on("force"))
    return visit.go("/credentials", f"{visit.name} is removed.")
