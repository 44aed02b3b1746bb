"""All certificates: searched, filtered and sorted, and what is done with many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize
from urllib.parse import urlencode

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.names import readable
from zoneproof.core.text import count
from zoneproof.manager import CertificateSummary, preview
from zoneproof.manager.certificates.details import remark, summaries
from zoneproof.manager.certificates.removal import find_removable, remove_certificate
from zoneproof.pages.forms import Form
from zoneproof.web.pages.actions import start_renewal, start_resumption
from zoneproof.web.pages.preview_view import PreviewView
from zoneproof.web.pages.views import CertificateRow, is_never_obtained, noting_news, severity
from zoneproof.web.visits import Page, Visit

_ON_A_PAGE = 50
_RENEWED_UNASKED = 10
_NEVER = datetime.max.replace(tzinfo=UTC)
_GROUPS: dict[str, Callable[[CertificateSummary], bool]] = {  # beside those of each status
    "needs attention": lambda one: one.needs_attention,
    "never obtained": is_never_obtained,
}
_SORTS: dict[str, Callable[[CertificateSummary, datetime], Any]] = {
    "name": lambda one, _: one.name,
    "status": lambda one, now: (not one.needs_attention, *severity(one, now)),
    "expires": lambda one, _: (one.not_after or _NEVER, one.name),
    "renews": lambda one, _: (one.renew_at or _NEVER, one.name),
}


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/certificates", _list),
        Page("POST", "/certificates", _act, "operator"),
        Page("POST", "/remove-certificates", _remove, "administrator"),
    ]


@dataclass(frozen=True)
class CertificateFilter:
    """Which certificates are shown, as the URL's query says it."""

    text: str
    status: str
    sort: str
    page: int

    @classmethod
    def of(cls, query: Form) -> CertificateFilter:
        """Read the query, or the form that repeats it."""
        sort, page = query.text("sort"), query.text("page")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        name = sort.removeprefix("-")
        return cls(
            query.text("q"),
            query.text("status"),
            sort if name in _SORTS else "name",
            max(number, 1),
        )

    def url(self, **other: object) -> str:
        """Return the URL of another choice."""
        query = {"q": self.text, "status": self.status, "sort": self.sort} | other
        return f"/certificates?{urlencode({key: text for key, text in query.items() if text})}"

    def sorted_by(self, column: str) -> str:
        """Return the URL that sorts by a column, the other way round if it does already."""
        return self.url(sort=f"-{column}" if self.sort == column else column)

    def direction(self, column: str) -> str:
        """Return how a column is sorted, for screen readers."""
        words = {column: "ascending", f"-{column}": "descending"}
        return words.get(self.sort, "none")

    def fits(self, one: CertificateSummary, now: datetime) -> bool:
        """Tell whether a certificate is chosen."""
        if self.status in _GROUPS and not _GROUPS[self.status](one):
            return False
        if self.status not in ("", *_GROUPS, one.status):
            return False
        text = normalize("NFC", self.text.lower()).removesuffix(".")
        names = (one.name, *one.identifiers)
        fields = (*names, *map(readable, names), one.issuer, one.serial, remark(one, now))
        return not text or any(text in field.lower() for field in fields)


async def _list(visit: Visit) -> Response:
    now, choice = datetime.now(UTC), CertificateFilter.of(visit.query)
    found = await summaries(visit.manager, now)
    chosen = [one for one in found if choice.fits(one, now)]
    reverse = choice.sort.startswith("-")
    key = _SORTS[choice.sort.removeprefix("-")]
    chosen.sort(key=lambda one: key(one, now), reverse=reverse)
    last = max((len(chosen) - 1) // _ON_A_PAGE + 1, 1)
    page = min(choice.page, last)
    shown = chosen[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE]
    statuses = Counter(one.status for one in found)
    options = (
        {"": "any status"}
        | {name: name for name in _GROUPS}
        | {status: f"{status} ({number})" for status, number in sorted(statuses.items())}
    )
    return visit.page(
        "certificates.html",
        rows=[CertificateRow.of(one, now) for one in shown],
        total=len(found),
        matching=len(chosen),
        choice=choice,
        options=options,
        page_number=page,
        last_page=last,
    )


async def _act(visit: Visit) -> Response:
    names, choice = visit.form.all("name"), CertificateFilter.of(visit.form)
    if visit.form.is_on("all_found"):
        now = datetime.now(UTC)
        found = await summaries(visit.manager, now)
        names = tuple(one.name for one in found if choice.fits(one, now))
    if not names:
        return visit.go(choice.url(page=choice.page), "Tick at least one certificate first.")
    shown = names[0] if len(names) == 1 else count(len(names), "certificate")
    match visit.form.text("action"):
        case "renew" if len(names) > _RENEWED_UNASKED and not visit.form.is_on("sure"):
            return visit.page("renew.html", names=names, shown=shown)
        case "renew":
            visit.does("renew", ", ".join(names))
            return visit.go(f"/runs/{start_renewal(visit.site.runs, visit.person, names).id}")
        case "resume":
            visit.does("resume", ", ".join(names))
            return visit.go(f"/runs/{start_resumption(visit.site.runs, visit.person, names).id}")
        case "preview":
            definitions = [
                (await visit.manager.certificates.get(name)).definition for name in names
            ]
            previews = [PreviewView(one) for one in await preview(visit.manager, definitions)]
            return visit.page("previews.html", previews=previews)
        case "remove":
            return visit.page("remove.html", names=names, shown=shown)
    raise InvalidInputError("choose what to do with the certificates")


async def _remove(visit: Visit) -> Response:
    names, files = visit.form.all("name"), visit.form.is_on("delete_files")
    visit.does("remove with files" if files else "remove", ", ".join(names))
    news: list[str] = []
    refused: list[ZoneproofError] = []
    for name in names:
        try:
            found = await find_removable(visit.manager, name, files=files)
            await remove_certificate(
                visit.manager,
                found,
                noting_news(news),
                delete_files=files,
            )
        except ZoneproofError as error:
            refused.append(error)
            news.append(visit.refused(error))
    if refused and len(refused) == len(names):
        raise refused[0]
    told = f"{count(len(names) - len(refused), 'certificate')} no longer managed"
    kept = "the files are deleted" if files else "the files stay"
    return visit.go("/certificates", "; ".join([f"{told}: {kept}", *news]))
