"""The DNS providers: what each needs, the narrowest key that works, and who uses it here."""

from __future__ import annotations

from functools import cache

from starlette.responses import Response

from zoneproof.manager import credential_summaries
from zoneproof.providers import describe, slugs
from zoneproof.providers.pages import details
from zoneproof.web.visits import Page, Visit


def pages() -> list[Page]:
    """Return the pages."""
    return [Page("GET", "/providers", _list), Page("GET", "/providers/{name}", _show)]


def titles(text: str = "") -> dict[str, str]:
    """Return the titles of those providers in whose name the text occurs, by slug."""
    wanted = text.lower()
    return {
        slug: title for slug, title in _all().items() if wanted in slug or wanted in title.lower()
    }


def credential_providers(text: str = "") -> dict[str, str]:
    """Return those of :func:`titles` that can have a credential: no person has one."""
    return {slug: title for slug, title in titles(text).items() if not describe(slug).manual}


@cache
def _all() -> dict[str, str]:
    found = {slug: describe(slug).title for slug in slugs()}
    return dict(sorted(found.items(), key=lambda pair: pair[1].lower()))


async def _list(visit: Visit) -> Response:
    text = visit.query.text("q")
    stored: dict[str, list[str]] = {}
    for one in await credential_summaries(visit.manager.store):
        stored.setdefault(one.provider, []).append(one.name)
    return visit.page("providers.html", found=titles(text), stored=stored, text=text)


async def _show(visit: Visit) -> Response:
    info = describe(visit.name)
    stored = [
        one for one in await credential_summaries(visit.manager.store) if one.provider == info.slug
    ]
    return visit.page("provider.html", info=info, details=details(info), stored=stored)
