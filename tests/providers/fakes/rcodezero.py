"""RcodeZero's API for ACME, version 1: the TXT sets of a zone.

Made from acme.sh (2026), lego (2026) and the service's own libdns module (2026), which has
pages, the status in an answer and the refusal of a set that is there already. dns-lexicon recorded
exchanges (September 2019) with the part of the API for all records, which has the same bodies:
parsing, names, quotes, changes with several values and the refusal of an unknown zone agree, paths
do not. The service's libdns module says that an update has one value; acme.sh and a hook for
dehydrated write several. Words of 401 and 403, and for what is not valid, are not recorded, nor is
the status of a set that is there. That the API takes only names that begin with
``_acme-challenge`` is said of it, and done here; that it shows no others is not.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, words: str) -> Reply:
    return Reply(status, {"status": "failed", "message": words})


class FakeRcodeZero(FakeApi):
    sources = "acme.sh, lego, the service's libdns module (2026), recorded exchanges (2019)"
    recorded = "agree, but for the paths, which are those for ACME"
    lists_zones = False
    refusals = {
        "credentials": _error(401, "Unauthorized"),
        "permission": _error(403, "Forbidden"),
        "zone": _error(404, "Zone not found"),
        "exists": _error(
            400, "RRset '_acme-challenge.example. TXT' already exists, could not add additional"
        ),
        "invalid": _error(400, "The RRset is not valid"),
    }
    impossible = {"quota": "no limit of records is described"}

    @route("GET", "/api/v1/acme/zones/{zone}/rrsets")
    def list_sets(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        names = dict.fromkeys(one.name for one in zone.records if one.type == "TXT")
        number, size = int(call.query.get("page", 1)), int(call.query.get("page_size", 100))
        page, last = self.page([_render(zone, name) for name in names], number, size)
        following = self.url_of(call, page=number + 1) if number < last else None
        pages = {"current_page": number, "last_page": last, "next_page_url": following}
        return Reply(200, {**pages, "data": page, "per_page": size, "total": len(names)})

    @route("PATCH", "/api/v1/acme/zones/{zone}/rrsets")
    def change_sets(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        for new in call.json:
            name = _relative(new["name"], zone)
            self.check_change(name, new["ttl"])
            if name.partition(".")[0] != "_acme-challenge":
                raise RefusedError("invalid")
            if new["changetype"] == "add" and zone.at(name, "TXT"):
                raise RefusedError("exists")
            if (new["changetype"] == "delete") == bool(new["records"]):
                raise RefusedError("invalid")
        for new in call.json:
            values = [unquote_txt(one["content"]) for one in new["records"]]
            made = self.replace(zone, _relative(new["name"], zone), "TXT", values, new["ttl"])
            for record, one in zip(made, new["records"], strict=True):
                record.extra = {"disabled": one["disabled"]}
        return Reply(200, {"status": "ok", "message": "RRsets updated"})


def _relative(name: str, zone: FakeZone) -> str:
    return name.removesuffix(f"{zone.name}.").rstrip(".")


def _render(zone: FakeZone, name: str) -> dict[str, Any]:
    records = zone.at(name, "TXT")
    shown = [{"content": quote_txt(one.value), "disabled": False, **one.extra} for one in records]
    facts = {"name": f"{name}.{zone.name}.".lstrip("."), "type": "TXT", "ttl": records[0].ttl}
    return {**facts, "records": shown}
