"""Records that a person creates, as pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoneproof.challenges.records import record_parts
from zoneproof.issuance import RecordAwaited
from zoneproof.issuance.event_texts import awaited


@dataclass(frozen=True)
class RecordView:
    """A record that a person creates: as a line of a zone file, and in parts.

    ``note`` says that it is one of several values at its name.
    """

    text: str
    parts: dict[str, str]
    note: str = ""


@dataclass(frozen=True)
class SightingView:
    """Whether a record is seen, in words."""

    status: str
    text: str


def record_views(
    records: Iterable[str], sightings: Sequence[RecordAwaited] = ()
) -> list[tuple[RecordView, SightingView | None]]:
    """Return the records, each with what was seen of it."""
    seen = {one.record: SightingView(one.status, awaited(one)) for one in sightings}
    parts = {one: record_parts(one) for one in records}
    values = Counter(found.get("Name") for found in parts.values() if "Value" in found)
    return [
        (RecordView(one, found, _of_several(values[found.get("Name")])), seen.get(one))
        for one, found in parts.items()
    ]


def _of_several(values: int) -> str:
    if values < 2:
        return ""
    all_of_them = "Both" if values == 2 else f"All {values}"
    return f"{all_of_them} values belong at this name, side by side."
