"""How lists of APIs continue on a next page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from zoneproof.providers.refusals import place_in

Query = Mapping[str, object]
Following = str | Query | None  # the next page: its URL, what changes in the query, or none


class Paging(ABC):
    """One way to continue. Places in a page are written as ``links.pages.next``."""

    @abstractmethod
    def first(self) -> Query:
        """Return what the query for the first page has, or its body."""

    @abstractmethod
    def following(self, page: object, asked: Query, count: int, seen: int) -> Following:
        """Return the page after ``page``, which has ``count`` items.

        ``asked`` is the query that it answers; with it, ``seen`` items have come. Raises TypeError
        and ValueError for a page that has something else where that stands.
        """

    def is_all(self, headers: Mapping[str, str], seen: int) -> bool:
        """Tell whether headers say that the items that have come are all."""
        return False


@dataclass(frozen=True)
class _Sized(Paging):
    """``size`` is the word for how many items a page may have, which are ``most``."""

    size: str = ""
    most: int = 0

    def first(self) -> Query:
        """Return the size, if the API is told it."""
        return {self.size: self.most} if self.size else {}


@dataclass(frozen=True)
class _Counted(_Sized):
    """The last page has fewer than ``most`` items, or a page has the number of all at ``total``.

    ``header`` is one that has that number, for APIs whose pages may have fewer items than were
    asked for; where an answer lacks it, an empty page is the last one. Where pages say how many
    there are, the first one is what comes without ``word``.
    """

    word: str = ""
    total: str = ""
    header: str = ""

    def is_all(self, headers: Mapping[str, str], seen: int) -> bool:
        """Tell whether the header, if there is one, says so."""
        number = headers.get(self.header, "") if self.header else ""
        return number.isdecimal() and seen >= int(number)

    def is_last(self, page: object, count: int, seen: int) -> bool:
        """Tell whether a page is the last one."""
        if self.total:
            number = place_in(page, self.total)
            return not count or seen >= int(cast("int | str", number or 0))
        return not count if self.header else count < self.most


@dataclass(frozen=True)
class Numbered(_Counted):
    """``word`` is the number of a page, counted from ``start``."""

    word: str = "page"
    start: int = 1
    pages: str = ""  # where a page has the number of pages, if it does

    def first(self) -> Query:
        """Return the number of the first page, if it has to be told."""
        told = {} if self.pages or self.total else {self.word: self.start}
        return {**super().first(), **told}

    def following(self, page: object, asked: Query, count: int, seen: int) -> Following:
        """Return the next number."""
        after = cast("int", asked.get(self.word, self.start)) + 1
        if self.pages:
            known = cast("int", place_in(page, self.pages) or 1)
            last = after >= self.start + known
        else:
            last = self.is_last(page, count, seen)
        return None if last else {self.word: after}


@dataclass(frozen=True)
class Offset(_Counted):
    """``word`` is the number of items before a page."""

    word: str = "offset"

    def first(self) -> Query:
        """Return that no items are passed over, if it has to be told."""
        return {**super().first(), **({} if self.total else {self.word: 0})}

    def following(self, page: object, asked: Query, count: int, seen: int) -> Following:
        """Return how many items have come."""
        return None if self.is_last(page, count, seen) else {self.word: seen}


@dataclass(frozen=True)
class NextUrl(_Sized):
    """A page has the URL of the next one ``at`` a place."""

    at: str = ""

    def following(self, page: object, asked: Query, count: int, seen: int) -> Following:
        """Return the URL that the page has."""
        url = place_in(page, self.at)
        if not url:
            return None
        if not isinstance(url, str):
            raise TypeError(f"`{self.at}` is not a URL")
        return url


@dataclass(frozen=True)
class NextWord(_Sized):
    """A page has ``at`` a place what the next one is asked for with ``word``."""

    at: str = ""
    word: str = ""

    def following(self, page: object, asked: Query, count: int, seen: int) -> Following:
        """Return what the page has."""
        value = place_in(page, self.at)
        return {self.word: value} if value else None


def with_places(json: Mapping[str, object], words: Query) -> Mapping[str, object]:
    """Return the JSON of a body with what a page is asked for, at places such as ``view.limit``."""
    whole = dict(json)
    for place, word in words.items():
        first, _, rest = place.partition(".")
        below = cast("Mapping[str, object]", whole.get(first, {}))
        whole[first] = with_places(below, {rest: word}) if rest else word
    return whole


def next_link(header: str) -> str | None:
    """Return the target of ``rel="next"`` in a Link header (RFC 8288); None if it has none."""
    for link in header.split(","):
        target, _, parameters = link.partition(">")
        if 'rel="next"' in parameters.replace("'", '"') or "rel=next" in parameters:
            return target.strip().removeprefix("<")
    return None
