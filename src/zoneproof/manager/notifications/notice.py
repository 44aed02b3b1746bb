"""What is told about a certificate, and how that reads in plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from zoneproof import moments
from zoneproof.errors import printable

Kind = Literal["failing", "expiring", "awaiting_user", "renewed"]

HEADLINES = {
    "failing": "renewal fails",
    "expiring": "expires soon",
    "awaiting_user": "waits for you",
    "renewed": "renewed",
    "test": "this is a test",
}
_LONGEST = 2000  # characters of one text


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. ``message`` is a line; ``records`` are to be created, in zone-file form.

    ``kind`` is also ``test``, for the message that a person asks for to see whether it arrives.
    ``expires_at`` is the present certificate's end, None without one; ``at`` is when it happened.
    Moments are timezone-aware, in UTC.
    """

    kind: Kind | Literal["test"]
    certificate: str
    identifiers: tuple[str, ...]
    message: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    records: tuple[str, ...] = ()
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def fit_to_send(notice: Notice) -> Notice:
    """Return the notice with texts on one line each, printable and not endless.

    They repeat what CAs, DNS servers and providers say.
    """
    return msgspec.structs.replace(
        notice,
        certificate=_line(notice.certificate),
        identifiers=tuple(_line(name) for name in notice.identifiers),
        message=_line(notice.message),
        records=tuple(_line(record) for record in notice.records),
    )


def subject(notices: Sequence[Notice]) -> str:
    """Return one line that sums the notices up."""
    if len(notices) == 1:
        return _title(notices[0])
    certificates = {notice.certificate for notice in notices}
    counts = Counter(HEADLINES[notice.kind] for notice in notices)
    kinds = ", ".join(f"{headline} ({count})" for headline, count in counts.items())
    if len(certificates) == 1:
        return f"{notices[0].certificate}: {kinds}"
    return f"{len(certificates)} certificates: {kinds}"


def as_text(notices: Sequence[Notice]) -> str:
    """Return the notices as plain text, with records that can be pasted into a zone file.

    It stands below the :func:`subject`, which is the title of a notice that is alone.
    """
    if len(notices) == 1:
        return _paragraph(notices[0])
    return "\n".join(f"{_title(notice)}\n{_paragraph(notice)}" for notice in notices)


def _title(notice: Notice) -> str:
    headline = HEADLINES[notice.kind]
    return headline if notice.kind == "test" else f"{notice.certificate}: {headline}"


def _paragraph(notice: Notice) -> str:
    lines = [notice.message]
    if notice.identifiers:
        lines.append(f"Names: {', '.join(notice.identifiers)}")
    if notice.expires_at:
        lines.append(f"The certificate expires at {moments.at(notice.expires_at)}.")
    if notice.records:
        lines += ["Create:", *notice.records]
    return "\n".join(line for line in lines if line) + "\n"


def _line(text: str) -> str:
    line = printable(" ".join(text[: _LONGEST + 1].split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
