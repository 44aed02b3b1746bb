"""What providers' APIs say when they refuse, read from statuses, JSON and XML by a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import msgspec

from zoneproof.core.errors import (
    AlreadyDoneError,
    ProviderConflictError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderZoneError,
)


@dataclass(frozen=True)
class Refusal:
    """What a refusal means: the error to raise, what is wrong, and what to do about it.

    ``again`` says that nothing was done and that trying again soon may help.
    """

    kind: type[ProviderError]
    meaning: str
    advice: str = ""
    again: bool = False

    @classmethod
    def wrong_key(cls, meaning: str, advice: str = "") -> Refusal:
        """Return the refusal of wrong credentials; without advice, it says where keys are made."""
        return cls(ProviderCredentialsError, meaning, advice)

    @classmethod
    def not_allowed(cls, meaning: str, advice: str = "") -> Refusal:
        """Return the refusal of what the credentials do not allow.

        Without advice, it points to ``provider show``.
        """
        return cls(ProviderPermissionError, meaning, advice)

    @classmethod
    def no_zone(cls, meaning: str, advice: str = "", *, again: bool = False) -> Refusal:
        """Return the refusal for a zone that does not exist, or not for these credentials."""
        return cls(ProviderZoneError, meaning, advice, again)

    @classmethod
    def over_quota(cls, meaning: str, advice: str = "", *, again: bool = False) -> Refusal:
        """Return the refusal of too many requests, records or the like."""
        return cls(ProviderQuotaError, meaning, advice, again)

    @classmethod
    def conflict(cls, meaning: str, *, again: bool = False) -> Refusal:
        """Return the refusal of a change that met another one, after which it is read again."""
        return cls(ProviderConflictError, meaning, again=again)


Refusals = Mapping[int | str, Refusal]  # by status, or by the word or code in the body

ALREADY = Refusal(AlreadyDoneError, "it is so already")
WRONG_KEY = Refusal.wrong_key("it does not accept the credentials")
NOT_ALLOWED = Refusal.not_allowed("the credentials do not allow this")
NO_ZONE = Refusal.no_zone("it does not know the zone, or not for these credentials")
SLOWER = Refusal.over_quota("too many requests", again=True)
USUAL: Refusals = {401: WRONG_KEY, 403: NOT_ALLOWED, 404: NO_ZONE}


@dataclass(frozen=True)
class Problem:
    """What an answer that refuses says: its words, and its codes, the most telling one first."""

    message: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ErrorBody:
    """Where an API's answers say what is wrong.

    ``codes`` and ``messages`` are places in JSON, such as ``errors.0.code``, or in XML, such as
    ``Errors/Error`` and ``Errors/Error@Number``; what is not there is passed over. ``success`` is
    a place and what it may hold in an answer that is none (None if it may be missing): for APIs
    that answer 200 also then; of several places, with ``|`` between them, the first that is there
    counts. ``phrases`` are parts of messages that tell more than the codes, and
    stand in the table like those, in whatever case they come: for APIs with one code for different
    things, or none.
    """

    codes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ("error", "message", "detail")
    success: tuple[object, ...] | None = None
    phrases: tuple[str, ...] = ()

    def read(self, status: int, body: bytes) -> Problem | None:
        """Return the problem; None if there is none, or if nothing of it can be read."""
        if status < 400 and self.success is None:
            return None
        found = decode(body)
        if found is None:
            return Problem("") if status < 400 else None
        if status < 400 and self.success:
            place, *values = self.success
            ends = (place_in(found, one) for one in str(place).split("|"))
            if next((end for end in ends if end is not None), None) in values:
                return None
        messages = [place_in(found, place) for place in self.messages]
        words = [word for word in messages if isinstance(word, str) and word.strip()]
        codes = [
            *(one for one in self.phrases if any(one.lower() in word.lower() for word in words)),
            *(place_in(found, place) for place in self.codes),
        ]
        return Problem(
            words[0] if words else "",
            tuple(str(code) for code in codes if isinstance(code, (str, int)) and code != ""),
        )


def decode(body: bytes) -> object:
    """Return an answer's JSON, or its XML as an Element without namespaces; None if it is none."""
    try:
        if body.lstrip()[:1] == b"<":
            return parse_xml(body)
        return msgspec.json.decode(body)
    except (ET.ParseError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def parse_xml(body: bytes) -> ET.Element:
    """Return the root of a document, its namespaces taken away. Raises ET.ParseError."""
    root = ET.fromstring(body)  # noqa: S314  expat bounds what entities become; bodies are bounded
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def place_in(found: object, place: str) -> object:
    """Return what is at a place, such as ``errors.0.code`` or ``Errors/Error@Number``, or None."""
    if isinstance(found, ET.Element):
        path, _, attribute = place.partition("@")
        element = found.find(path) if path else found
        if element is None:
            return None
        return element.get(attribute) if attribute else "".join(element.itertext())
    for step in place.split("."):
        if isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict):
            found = found.get(step)
        else:
            return None
    return found
