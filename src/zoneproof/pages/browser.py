"""What a browser keeps for the pages, and where it is led: sessions, notes, light or dark."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from zoneproof.core.errors import ZoneproofError
from zoneproof.core.text import sanitize
from zoneproof.pages.rendering import Templates
from zoneproof.serving.responses import HttpError, of_framework, shown_path

THEMES = ("light", "dark")

_NOTE = 500  # characters: a cookie has at most 4096 bytes
_NOTE_COOKIE = "__Host-zoneproof-note"
_ONCE_COOKIE = "__Host-zoneproof-once"
_THEME_COOKIE = "zoneproof-theme"
_YEAR = 365 * 86_400
_log = logging.getLogger(__name__)


def show(
    templates: Templates, request: Request, template: str, status: int, context: dict[str, Any]
) -> Response:
    """Return a page; a note that was left for it is shown once."""
    theme = request.cookies.get(_THEME_COOKIE, "")
    note, once = note_of(request), shown_once(request)
    common = {
        "note": note,
        "once": once,
        "path": request.url.path,
        "theme": theme if theme in THEMES else "",
    }
    answer = HTMLResponse(templates.render(template, common | context), status)
    if note:
        answer.delete_cookie(_NOTE_COOKIE, path="/", secure=True, httponly=True)
    if once:
        answer.delete_cookie(_ONCE_COOKIE, path="/", secure=True, httponly=True)
    return answer


def lead_to(path: str, note: str = "", **query: str) -> Response:
    """Lead to another page, which shows the note."""
    url = f"{path}?{urlencode(query)}" if query else path
    answer = RedirectResponse(url, 303)
    if note:
        text = base64.urlsafe_b64encode(sanitize(note, limit=_NOTE).encode()).decode()
        answer.set_cookie(
            _NOTE_COOKIE, text, max_age=60, secure=True, httponly=True, samesite="lax"
        )
    return answer


def note_of(request: Request) -> str:
    """Return the note that another page has left for this one."""
    try:
        return base64.urlsafe_b64decode(request.cookies.get(_NOTE_COOKIE, "")).decode()
    except ValueError:
        return ""


def show_once(path: str, **texts: str) -> Response:
    """Lead to another page, which has the texts once as ``once``.

    For secrets that were just made: whoever loads that page again makes no other.
    """
    answer = lead_to(path)
    text = base64.urlsafe_b64encode(msgspec.json.encode((path, texts))).decode()
    answer.set_cookie(_ONCE_COOKIE, text, max_age=60, secure=True, httponly=True, samesite="lax")
    return answer


def shown_once(request: Request) -> dict[str, str]:
    """Return what :func:`show_once` has left for this page."""
    try:
        text = base64.urlsafe_b64decode(request.cookies.get(_ONCE_COOKIE, ""))
        path, texts = msgspec.json.decode(text, type=tuple[str, dict[str, str]])
    except (ValueError, msgspec.MsgspecError):
        return {}
    return texts if path == request.url.path else {}


def is_part(request: Request) -> bool:
    """Tell whether a script has asked for a part of a page."""
    return "hx-request" in request.headers


def in_place(answer: Response, selector: str) -> Response:
    """Have what the selector chooses shown in the place of the part that was asked for.

    Whatever of the answer was to go where: a part of a page has no other place for it.
    """
    answer.headers.update({"HX-Reselect": selector, "HX-Reswap": "innerHTML"})
    return answer


def signed_out(request: Request, page: Callable[..., Response]) -> Response:
    """Say where to sign in, so that what somebody typed is not lost; ``page`` makes a page."""
    if is_part(request):
        part = page("signed_out_part.html", 401, then="go on here")
        return in_place(part, "#signed-out")
    again = "load this page again, which sends once more what you typed"
    return page("signed_out.html", 401, then=again)


def local_path(path: str, otherwise: str = "/") -> str:
    """Return a path on this server, whatever a link says."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else otherwise


def plain_error(
    templates: Templates, request: Request, error: Exception, root: str = "", advice: str = ""
) -> Response:
    """Return what is refused before anybody is known, in a page of its own.

    ``advice`` is added where the server's data cannot be used.
    """
    found = of_framework(error) if isinstance(error, HTTPException) else None
    if found:
        status = found.status_code
        message = found.message if isinstance(found, HttpError) else str(found.detail)
    else:
        status, message = 500, told_to_strangers(request, error, advice)
    message = message[:1].upper() + message[1:]
    context = {"message": message, "status": status, "theme": "", "root": root}
    headers = dict(found.headers or {}) if found else None
    if is_part(request):
        text = templates.render("problem_part.html", context)
        return in_place(HTMLResponse(text, status, headers=headers), "#problem")
    return HTMLResponse(templates.render("plain.html", context), status, headers=headers)


def told_to_strangers(request: Request, error: Exception, advice: str = "") -> str:
    """Return what kind of error it is, and log the rest: that has paths of this machine in it."""
    if isinstance(error, ZoneproofError):
        _log.error("%s failed: %s", shown_path(request), error.message)
        return f"What this server has stored cannot be read or written: its log says why{advice}."
    _log.error("%s failed: %s", shown_path(request), error, exc_info=error)
    return "Something went wrong here: the log says what."


def set_session(answer: Response, cookie: str, secret: str) -> Response:
    """Give the browser a session's cookie."""
    answer.set_cookie(cookie, secret, secure=True, httponly=True, samesite="lax")
    return answer


def end_session(answer: Response, cookie: str) -> Response:
    """Take a session's cookie from the browser."""
    answer.delete_cookie(cookie, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def set_theme(answer: Response, theme: str) -> Response:
    """Keep whether the person wants light or dark; else it is as the system says."""
    if theme in THEMES:
        answer.set_cookie(_THEME_COOKIE, theme, max_age=_YEAR, httponly=True, samesite="lax")
    else:
        answer.delete_cookie(_THEME_COOKIE)
    return answer
