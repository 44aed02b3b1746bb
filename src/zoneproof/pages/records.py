"""Records that a person creates, as pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoneproof.challenges.records import record_parts
from zoneproof.issuance import RecordAwaited
from zoneproof.issuance.event_texts import awaited


@dataclass(frozen=True)
class RecordView:
    """A record that a person creates: as a line of a zone file, and in parts."""

    text: str
    parts: dict[str, str]


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
    return [(RecordView(one, record_parts(one)), seen.get(one)) for one in records]
