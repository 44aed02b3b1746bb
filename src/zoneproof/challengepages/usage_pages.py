"""What tenants used in a month, for bills: as a page, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, fields

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.usage import MonthOfTenant
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.core.errors import InvalidInputError
from zoneproof.serving.responses import json_answer
from zoneproof.storage import Transaction

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [
        ServicePage("GET", ADMIN, "/usage", _show),
        ServicePage("GET", ADMIN, "/usage.csv", _as_csv),
        ServicePage("GET", ADMIN, "/usage.json", _as_json),
    ]


async def _read(visit: ServiceVisit) -> tuple[str, list[MonthOfTenant], list[str]]:
    month = visit.query.text("month") or usage.month_of(visit.now)
    if not _MONTH.fullmatch(month):
        raise InvalidInputError("this is not a month: write it as 2027-02")

    def work(tx: Transaction, _: LicenceKey) -> tuple[list[MonthOfTenant], list[str]]:
        return usage.of_month(tx, month), usage.months(tx)

    found, months = await visit.read(work)
    return month, found, sorted({month, *months}, reverse=True)


async def _show(visit: ServiceVisit) -> Response:
    month, found, months = await _read(visit)
    return visit.page("usage.html", month=month, found=found, months=months)


async def _as_csv(visit: ServiceVisit) -> Response:
    month, found, _ = await _read(visit)
    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(MonthOfTenant)])
    writer.writeheader()
    writer.writerows(asdict(one) for one in found)
    name = f'attachment; filename="usage-{month}.csv"'
    return Response(text.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})


async def _as_json(visit: ServiceVisit) -> Response:
    month, found, _ = await _read(visit)
    return json_answer(200, {"month": month, "tenants": [asdict(one) for one in found]})
