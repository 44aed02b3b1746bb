"""The home's settings as they are written, and a test of its notifications."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from zoneproof.core.errors import ZoneproofError
from zoneproof.core.text import count
from zoneproof.manager import Home, Manager
from zoneproof.manager.certificates.definition_file import field_text
from zoneproof.manager.notifications.send import send_test
from zoneproof.manager.settings import (
    FILE,
    read_settings_text,
    save_settings_text,
    settings_locked,
)
from zoneproof.pages.seen import require_seen, seen_with
from zoneproof.web.visits import Page, Visit


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/settings", _settings),
        Page("POST", "/settings", _save, "administrator"),
        Page("GET", "/notifications", _notifications),
        Page("POST", "/notifications/test", _test, "operator"),
    ]


async def _settings(
    visit: Visit, error: ZoneproofError | None = None, typed: str | None = None
) -> Response:
    stored = ""
    if visit.may("administrator"):
        stored = await asyncio.to_thread(_stored, visit.site.home)
    return visit.page(
        "settings.html",
        400 if error else 200,
        rows=_rows(visit.manager),
        text=stored if typed is None else typed,
        seen=seen_with(visit.form, error, stored),
        file=str(visit.site.home.path / FILE),
        error=visit.refused(error) if error else "",
    )


def _stored(home: Home) -> str:
    return read_settings_text(home.path, anyhow=True)


def _rows(manager: Manager) -> dict[str, str]:
    """Return the settings that are no secrets, in words."""
    settings = manager.settings
    dns = settings.dns
    found: dict[str, object] = {
        "home": str(manager.home.path),
        "account": settings.account,
        "staging account": settings.staging_account,
        "e-mail": settings.email,
        "certificates at once": settings.parallel,
        "next fallback account after": count(settings.failover_after, "failure"),
        "propagation": dns.propagation if dns.propagation is not None else "authoritative",
        "resolvers": dns.resolvers or "those of the system",
        "port of authoritative servers": settings.authoritative_port,
        "group of keys": settings.key_group,
        "mode of keys": settings.key_mode,
        "logs": settings.log.folder if settings.log.enabled else "none",
    }
    texts = {name: field_text(value) for name, value in found.items()}
    return {name: text for name, text in texts.items() if text}


async def _save(visit: Visit) -> Response:
    visit.does("settings", FILE)
    text = visit.form.required("text")

    def replace() -> None:
        home = visit.site.home
        with settings_locked(home):
            require_seen(visit.form, _stored(home), FILE)
            save_settings_text(home.path, text)

    try:
        await asyncio.to_thread(replace)
    except ZoneproofError as error:
        return await _settings(visit, error, text)
    return visit.go("/settings", "The settings are saved, and hold from now on.")


async def _notifications(visit: Visit, problems: tuple[str, ...] | None = None) -> Response:
    settings = visit.manager.settings.notify
    receivers = [
        *((one.where, ", ".join(one.recipients), one.kinds) for one in settings.smtp),
        *((f"webhook ({one.format})", "", one.kinds) for one in settings.webhook),
    ]
    return visit.page("notifications.html", receivers=receivers, problems=problems, file=FILE)


async def _test(visit: Visit) -> Response:
    visit.does("notify test")
    problems = tuple(await send_test(visit.manager.settings.notify))
    visit.failure = "; ".join(problems)
    return await _notifications(visit, problems)
