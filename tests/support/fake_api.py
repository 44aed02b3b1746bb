"""What fakes of providers' APIs have in common: zones, records, who may do what, and bad days.

A provider's fake says how its API writes what is in the store: routes, and a table of refusals::

    class FakeExample(FakeApi):
        '''What it follows: documents and exchanges with their years.'''

        sources = "API reference (2026), recorded exchanges (2020)"
        recorded = "agree"
        page_size = 100
        refusals = {
            "credentials": Reply(401, {"message": "Invalid key"}),
            "permission": Reply(403, {"message": "Key is read-only"}),
            "zone": Reply(404, {"message": "No such zone"}),
            "record": Reply(404, {"message": "No such record"}),
            "quota": Reply(422, {"message": "Too many records"}),
            "invalid": Reply(422, {"message": "Bad record"}),
        }

        @route("GET", "/zones/{zone}/records")
        def records(self, call):
            zone = self.zone(call["zone"])
            ...

        delete_record = deletes("/zones/{zone}/records/{id}", Reply(204))
"""

from __future__ import annotations

import copy
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.support.fake_http import Reply, Request, after

T = TypeVar("T")
Answer = Reply | bytes | None
Handler = Callable[[Any, "Call"], Reply]

REFUSED = "refused-by-the-service"  # a label at which the service takes no record


@dataclass
class Record:
    """A record of the store: ``name`` is relative to the zone, ``value`` of TXT as it is meant."""

    id: int
    name: str
    type: str
    value: str
    ttl: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeZone:
    """A zone of the store."""

    id: str
    name: str
    records: list[Record] = field(default_factory=list)

    def at(self, name: str, kind: str = "TXT") -> list[Record]:
        """Return the records of a type at a name."""
        return [one for one in self.records if (one.name, one.type) == (name, kind)]


@dataclass(frozen=True)
class Key:
    """What a credential of the fake may do."""

    zones: frozenset[str] | None = None  # names, None for all
    read_only: bool = False


class RefusedError(Exception):
    """The fake refuses a call, with what its table has for ``kind``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Call:
    """A request, taken apart: path parameters by ``call["zone"]``, query and form as dicts."""

    request: Request
    parameters: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return unquote(self.parameters[name])

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.request.path).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of a key that is there twice, the last."""
        return dict(parse_qsl(urlsplit(self.request.path).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.request.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return self.request.json

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        return self.request.headers

    @property
    def bearer(self) -> str:
        """The token of a Bearer authorization, empty for another one."""
        return after(self.headers.get("authorization", ""), "Bearer ")


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Make a method of the fake answer ``path``, whose ``{parts}`` are parameters of the call."""

    def mark(handler: Handler) -> Handler:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
        handler.__dict__["route"] = (method, re.compile(pattern))
        return handler

    return mark


def deletes(path: str, reply: Reply, *, by_id: bool = False, method: str = "DELETE") -> Handler:
    """Return a route that deletes the record ``{id}`` of ``{zone}``, a name or an id."""

    @route(method, path)
    def handler(fake: FakeApi, call: Call) -> Reply:
        fake.delete(fake.zone(call["zone"], by_id=by_id), call["id"])
        return reply

    return handler


class FakeApi:
    """A store and its HTTP API; a handler for :func:`tests.support.fake_http.fake_http_server`.

    ``keys`` are the credentials that it knows, as :meth:`key_of` finds them in a call.
    """

    sources: ClassVar[str]  # what it was made from, in short, with years
    recorded: ClassVar[str] = "none"  # whether recorded exchanges "agree", or what differs and why
    page_size: ClassVar[int] = 100  # the most items that the service puts on a page
    min_ttl: ClassVar[int] = 1
    first_id: ClassVar[int] = 0  # of zones, where ids are numbers
    key_line: ClassVar[str] = "Authorization: Bearer "  # how the header with the key begins
    accepts: ClassVar[str] = ""  # what requests must say that they accept, if anything
    lists_zones: ClassVar[bool] = True
    logins: ClassVar[str] = ""  # a pattern of the paths that hand out tokens, by :meth:`issue`
    refusals: ClassVar[Mapping[str, Reply]] = {}
    impossible: ClassVar[Mapping[str, str]] = {}  # refusals that the service has not, and why

    def __init__(self) -> None:
        self.zones: dict[str, FakeZone] = {}
        self.keys: dict[str, Key] = {}
        self.expires: datetime | None = None  # when the key of the call does
        self.full = False  # the quota of records is used up
        self.lose = 0  # so many changes are done, and then the connection is lost
        self.lag = 0  # so many reads after a change show what was there before it
        self.after_read: deque[Callable[[], object]] = deque()  # what others do then
        self.after_change: deque[Callable[[], object]] = deque()
        self.versions: dict[tuple[str, str], int] = {}  # of sets, by zone and name
        self._ids = itertools.count(1001)
        self._key = Key()
        self._issued: dict[str, str] = {}  # keys, by the tokens that were handed out for them
        self._reads = self._changes = self._late = 0
        self._before: dict[str, FakeZone] = {}  # what late reads show
        self._routes = [
            (*handler.__dict__["route"], handler)
            for name in dir(type(self))
            if hasattr(handler := getattr(type(self), name), "__dict__")
            and "route" in handler.__dict__
        ]

    def key_of(self, call: Call) -> str:
        """Return the key in a call, as :attr:`keys` has it: by default the one in ``key_line``.

        It is the key that a token was handed out for, if the service has ``logins``; of a Basic
        authorization, user and password with ``:`` between them.
        """
        if call.request.login:
            return ":".join(call.request.login)
        name, _, begin = self.key_line.partition(": ")
        key = after(call.headers.get(name.lower(), ""), begin)
        return self._issued.get(key, "") if self.logins else key

    def refuse(self, kind: str) -> Reply:
        """Return the answer that refuses a call."""
        return self.refusals[kind]

    # --- for handlers --------------------------------------------------------------------------

    def issue(self, key: str) -> str:
        """Return a token for a key. Raises RefusedError for one that is not known."""
        if key not in self.keys:
            raise RefusedError("credentials")
        token = f"token-{next(self._ids)}"
        self._issued[token] = key
        return token

    def is_login(self, path: str) -> bool:
        """Tell whether tokens are handed out at a path, so that no key is needed for it."""
        return bool(re.fullmatch(self.logins, urlsplit(path).path))

    def allowed_zones(self) -> list[FakeZone]:
        """Return the zones that the key of the call may see."""
        return [zone for zone in self.zones.values() if self._may_see(zone)]

    def zone(self, name: str, *, by_id: bool = False) -> FakeZone:
        """Return the zone of that name or id. Raises RefusedError."""
        self._reads += 1
        for zone in self.allowed_zones():
            if (zone.id if by_id else zone.name) == name:
                return zone
        raise RefusedError("zone")

    def place(self, name: str) -> tuple[FakeZone, str]:
        """Return the zone that a whole name is in, and its name there. Raises RefusedError."""
        within = [z.name for z in self.allowed_zones() if f".{name}".endswith(f".{z.name}")]
        zone = self.zone(max(within, key=len, default=name))
        return zone, name.removesuffix(zone.name).rstrip(".")

    def page(self, items: Sequence[T], number: int, size: int | None = None) -> tuple[list[T], int]:
        """Return the items on a page, the first being 1, and how many pages there are."""
        size = min(size or self.page_size, self.page_size)
        return list(items[(number - 1) * size : number * size]), max(1, -(-len(items) // size))

    def url_of(self, call: Call, **query: object) -> str:
        """Return the whole URL of a call, with this in its query."""
        words = {**call.query, **{key: str(value) for key, value in query.items()}}
        return f"http://{call.headers['host']}{call.path}?{urlencode(words)}"

    def create(
        self, zone: FakeZone, name: str, kind: str, value: str, ttl: int, **extra: Any
    ) -> Record:
        """Add a record. Raises RefusedError, also for one that exists if the service minds."""
        self.check_change(name, ttl)
        if "exists" in self.refusals and any(one.value == value for one in zone.at(name, kind)):
            raise RefusedError("exists")
        if self.full:
            raise RefusedError("quota")
        record = Record(next(self._ids), name, kind, value, ttl, extra)
        zone.records.append(record)
        self._changed(zone, name)
        return record

    def find(self, zone: FakeZone, key: str) -> Record:
        """Return the record of an id. Raises RefusedError."""
        for record in zone.records:
            if str(record.id) == key:
                return record
        raise RefusedError("record")

    def delete(self, zone: FakeZone, key: str) -> None:
        """Remove the record of an id. Raises RefusedError."""
        record = self.find(zone, key)
        self.check_change(record.name)
        zone.records.remove(record)
        self._changed(zone, record.name)

    def replace(
        self, zone: FakeZone, name: str, kind: str, values: Iterable[str], ttl: int
    ) -> list[Record]:
        """Replace a set; without values it is gone. Raises RefusedError."""
        self.check_change(name, ttl)
        new = [Record(next(self._ids), name, kind, value, ttl) for value in values]
        if self.full and len(new) > len(zone.at(name, kind)):
            raise RefusedError("quota")
        zone.records[:] = [o for o in zone.records if (o.name, o.type) != (name, kind)] + new
        self._changed(zone, name)
        return new

    def replace_all(self, zone: FakeZone, records: Sequence[Record]) -> None:
        """Replace all records of a zone, which get new ids. Raises RefusedError."""
        for record in records:
            self.check_change(record.name, record.ttl)
        if self.full and len(records) > len(zone.records):
            raise RefusedError("quota")
        for record in records:
            record.id = next(self._ids)
        zone.records[:] = records
        self._changed(zone, "")

    def check_change(self, name: str, ttl: int | None = None) -> None:
        if self._key.read_only:
            raise RefusedError("permission")
        if REFUSED in name or (ttl is not None and ttl < self.min_ttl):
            raise RefusedError("invalid")

    def _may_see(self, zone: FakeZone) -> bool:
        return self._key.zones is None or zone.name in self._key.zones

    def _changed(self, zone: FakeZone, name: str) -> None:
        self._changes += 1
        self.versions[zone.name, name] = self.versions.get((zone.name, name), 0) + 1

    # --- for tests -----------------------------------------------------------------------------

    @property
    def changes(self) -> int:
        """How many changes there were."""
        return self._changes

    def add_zone(self, name: str, key: str = "") -> FakeZone:
        """Make a zone; its id is ``key``, or made up."""
        made = str(self.first_id + len(self.zones)) if self.first_id else f"z{next(self._ids)}"
        zone = FakeZone(key or made, name)
        self.zones[zone.id] = zone
        return zone

    def plant(self, zone: FakeZone, name: str, value: str, kind: str = "TXT") -> None:
        """Put a record there as another program would, whatever the API would say."""
        ttl = max(300, self.min_ttl)
        zone.records.append(Record(next(self._ids), name, kind, value, ttl))
        self.versions[zone.name, name] = self.versions.get((zone.name, name), 0) + 1

    def withdraw(self, zone: FakeZone, name: str) -> None:
        """Take the TXT values at a name away, as another program would."""
        zone.records[:] = [o for o in zone.records if (o.name, o.type) != (name, "TXT")]
        self.versions[zone.name, name] = self.versions.get((zone.name, name), 0) + 1

    def overwrite(self, zone: FakeZone, name: str, value: str) -> None:
        """Replace the TXT values at a name, as a program does that had read before us."""
        self.withdraw(zone, name)
        self.plant(zone, name, value)

    def __call__(self, request: Request) -> Answer:
        """Answer a request, or lose it after it was done."""
        reads, changes = self._reads, self._changes
        before = copy.deepcopy(self.zones) if self.lag and not self._late else self._before
        reply = self._answer(request)
        if self._changes > changes:
            self._before, self._late = before, self.lag
            if self.after_change:
                self.after_change.popleft()()
            if self.lose:
                self.lose -= 1
                return b""
        elif self._late:
            return self._late_answer(request, reply)
        elif self._reads > reads and self.after_read:
            self.after_read.popleft()()
        return reply

    def _late_answer(self, request: Request, reply: Reply) -> Reply:
        """Answer from what was there before the last change, unless that would be a change."""
        zones, versions, changes = self.zones, dict(self.versions), self._changes
        self.zones = copy.deepcopy(self._before)
        late, is_read = self._answer(request), self._changes == changes
        self.zones, self.versions, self._changes = zones, versions, changes
        if not is_read:
            return reply
        self._late -= 1
        return late

    def _answer(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        for method, pattern, handler in self._routes:
            if method == request.method and (found := pattern.fullmatch(path)):
                call = Call(request, found.groupdict())
                try:
                    if not self.is_login(path):
                        self.enter(call)
                    answered: Reply = handler(self, call)
                except RefusedError as refused:
                    return self.refuse(refused.kind)
                return answered
        return Reply(404, f"the fake has no route for {request.method} {path}".encode())

    def enter(self, call: Call) -> None:
        """Let the key of the call in. Raises RefusedError."""
        assert self.accepts in call.headers.get("accept", "")
        key = self.keys.get(self.key_of(call))
        if key is None:
            raise RefusedError("credentials")
        self._key = key
