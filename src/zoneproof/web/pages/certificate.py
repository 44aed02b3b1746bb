"""One certificate, in tabs: how it stands, its preview, its deployment, what happened to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.core.files import exists
from zoneproof.core.names import readable
from zoneproof.manager import CertificateDefinition, DamagedCertificate, preview
from zoneproof.manager.certificates.circumstances import credentials_of
from zoneproof.manager.certificates.details import details, history, next_attempt
from zoneproof.manager.certificates.last_run import nothing_renews
from zoneproof.manager.certificates.log import logged_runs
from zoneproof.manager.certificates.removal import REASONS, revoke
from zoneproof.pages.records import record_views
from zoneproof.web.pages.actions import start_deployment, start_renewal, start_resumption
from zoneproof.web.pages.preview_view import PreviewView
from zoneproof.web.pages.views import LifeBar, helpful
from zoneproof.web.visits import Page, Visit

_CHANGE = "one is pending until it works: 'Try again' tries it, saving another one discards it"
_PUBLIC = {"cert": "certificate", "chain": "chain", "fullchain": "certificate and chain"}
_KEY = "privkey"


def pages() -> list[Page]:
    """Return the pages."""
    at = "/certificates/{name}"
    return [
        Page("GET", at, _status),
        Page("GET", f"{at}/preview", _preview),
        Page("GET", f"{at}/deployment", _deployment),
        Page("GET", f"{at}/history", _history),
        Page("GET", f"{at}/files/{{file}}", _download),
        Page("POST", f"{at}/key", _download_key, "administrator"),
        Page("POST", f"{at}/renew", _renew, "operator"),
        Page("POST", f"{at}/resume", _resume, "operator"),
        Page("POST", f"{at}/deploy", _deploy, "operator"),
        Page("GET", f"{at}/revoke", _ask_to_revoke, "administrator"),
        Page("POST", f"{at}/revoke", _revoke, "administrator"),
    ]


async def frame(visit: Visit, tab: str) -> dict[str, Any]:
    """Return what every tab of the certificate shows. Raises InvalidInputError."""
    now = datetime.now(UTC)
    found = await details(visit.manager, visit.name, now)
    return {
        "tab": tab,
        "name": found.summary.name,
        "readable": readable(found.summary.name),
        "found": found,
        "summary": found.summary,
        "bar": LifeBar.of(found.summary, now),
        "help": helpful(found.summary) if found.summary.needs_attention else None,
        "run": visit.site.runs.of(found.summary.name),
    }


async def _status(visit: Visit) -> Response:
    stored = await visit.manager.certificates.look_up(visit.name)
    if isinstance(stored, DamagedCertificate):
        raise stored.error
    context = await frame(visit, "status")
    now = datetime.now(UTC)  # not before what is told to be due now
    name, summary = context["name"], context["summary"]
    rows = context["found"].rows(now, change=_CHANGE)
    again = summary.next_attempt_at
    folder = visit.manager.files.live(name)
    files = [file for file in _PUBLIC if exists(folder / f"{file}.pem")]
    return visit.page(
        "certificate_status.html",
        **context,
        rows={key: rows[key] for key in rows if key not in ("status", "problem", "see")},
        methods=context["found"].method_rows(),
        files={file: _PUBLIC[file] for file in files},
        has_key=exists(folder / f"{_KEY}.pem"),
        records=record_views(summary.awaiting),
        credentials=_credentials(context["found"].certificate.definition),
        attempt=f"the {next_attempt(again, now)}" if again else "",
        nothing_renews=nothing_renews(visit.manager.home, [summary], now),
    )


def _credentials(definition: CertificateDefinition) -> list[str]:
    """Return the names of the credentials without which nothing is obtained."""
    return list(dict.fromkeys(filter(None, credentials_of(definition))))


async def _preview(visit: Visit) -> Response:
    context = await frame(visit, "preview")
    (found,) = await preview(visit.manager, [context["found"].certificate.definition])
    return visit.page("certificate_preview.html", **context, preview=PreviewView(found))


async def _deployment(visit: Visit) -> Response:
    context = await frame(visit, "deployment")
    return visit.page("certificate_deployment.html", **context, tasks=context["found"].task_rows())


async def _history(visit: Visit) -> Response:
    context = await frame(visit, "history")
    entries = await history(visit.manager, context["name"])
    log = visit.manager.logs.path(context["name"])
    runs = await asyncio.to_thread(logged_runs, log) if log else []
    return visit.page(
        "certificate_history.html", **context, entries=entries[::-1], runs=runs, log=log
    )


async def _download(visit: Visit) -> Response:
    file = str(visit.request.path_params["file"]).removesuffix(".pem")
    if file not in _PUBLIC:
        raise NotFoundError(f"'{file[:40]}' is not a file that can be downloaded")
    return await _sent(visit, file)


async def _download_key(visit: Visit) -> Response:
    visit.does("download key", visit.name)
    return await _sent(visit, _KEY)


async def _sent(visit: Visit, file: str) -> Response:
    name = await _name(visit)
    path = visit.manager.files.live(name) / f"{file}.pem"
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise NotFoundError(f"there is no {file}.pem of {name} yet") from error
    headers = {"Content-Disposition": f'attachment; filename="{name}-{file}.pem"'}
    return Response(content, media_type="application/x-pem-file", headers=headers)


async def _name(visit: Visit) -> str:
    return (await visit.manager.certificates.get(visit.name)).name


async def _renew(visit: Visit) -> Response:
    name = await _name(visit)
    visit.does("renew", name)
    return visit.go(f"/runs/{start_renewal(visit.site.runs, visit.person, [name]).id}")


async def _resume(visit: Visit) -> Response:
    name = await _name(visit)
    visit.does("resume", name)
    return visit.go(f"/runs/{start_resumption(visit.site.runs, visit.person, [name]).id}")


async def _deploy(visit: Visit) -> Response:
    name = await _name(visit)
    visit.does("deploy", name)
    return visit.go(f"/runs/{start_deployment(visit.site.runs, visit.person, name).id}")


async def _ask_to_revoke(visit: Visit) -> Response:
    name = await _name(visit)
    return visit.page("revoke.html", name=name, reasons={one: one for one in REASONS})


async def _revoke(visit: Visit) -> Response:
    reason = visit.form.text("reason")
    visit.does("revoke", visit.name)
    if reason not in REASONS:
        raise InvalidInputError(f"choose a reason: {', '.join(REASONS)}")
    await revoke(visit.manager, visit.name, reason=reason)
    path = f"/certificates/{visit.name}"
    return visit.go(path, f"{visit.name} is revoked; a renewal obtains another one.")
