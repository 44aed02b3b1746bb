"""The live view: who asked for a challenge, and what they were told."""

from __future__ import annotations

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN
from zoneproof.challengedns.dns.live_view import Seen
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.core.errors import InvalidInputError
from zoneproof.pages.browser import is_part
from zoneproof.storage import Transaction

_MOST = 200
_MINUTES = ("0", "5", "15")


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [
        ServicePage("GET", ADMIN, "/live", _show),
        ServicePage("POST", ADMIN, "/live", _switch),
    ]


async def _show(visit: ServiceVisit) -> Response:
    live, of = visit.site.context.live, visit.query.text("of")
    seen = live.seen()

    def belong(tx: Transaction, _: LicenceKey) -> dict[str, str]:
        """Return the notes of the registrations that are looked for."""
        found: dict[str, str] = {}
        for subdomain in {one.subdomain for one in seen}:
            row = rows.by_subdomain(tx, subdomain)
            note, tenant = (row.note, row.tenant) if row else ("", None)
            if not of or tenant == of or subdomain.startswith(of.lower().partition(".")[0]):
                found[subdomain] = note
        return found

    notes = await visit.read(belong)
    shown: list[Seen] = [one for one in seen if one.subdomain in notes][:_MOST]
    answer = visit.page("live.html", live=live, of=of, seen=shown, notes=notes)
    if is_part(visit.request) and not live.is_on:
        answer.headers["HX-Refresh"] = "true"  # the whole page: it can be switched on again
    return answer


async def _switch(visit: ServiceVisit) -> Response:
    minutes, of = visit.form.text("minutes"), visit.form.text("of")
    if minutes not in _MINUTES:
        raise InvalidInputError("the live view is switched on for 5 or 15 minutes, or off")
    action = f"live view on for {minutes} minutes" if int(minutes) else "live view off"
    # First, so that whose session has ended meanwhile switches nothing.
    await visit.write(lambda tx, _: visit.registrations.audit.note(tx, action))
    visit.site.context.live.switch(int(minutes))
    return visit.go("/live", **({"of": of} if of else {}))
