"""What every provider promises: its description, its methods, its values and fields."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.fields import CredentialField
from zoneproof.core.names import DomainName
from zoneproof.core.secretive import Secretive

_HEADER_VALUE = re.compile(r"[!-~]{1,255}")


class Alias(msgspec.Struct, frozen=True):
    """What another ACME client calls the provider, and what it calls the fields that it shares.

    ``client`` is ``certbot``, ``acme.sh`` or ``lego``; ``name`` is its plugin, its script or its
    provider. ``fields`` has the field here for each of its settings; ``prefix.secret`` are two
    fields, whose values the setting has with a dot between them. ``files`` has the field whose
    value is in the file that a setting names. ``choices`` has ``field=value``, or nothing, for
    values of a setting that choose something; another value of it cannot be carried over, nor can
    the settings ``left_out``. ``when`` has values of settings with which the name means this
    provider and no other.
    """

    client: str
    name: str
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    files: Mapping[str, str] = msgspec.field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    when: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def all_fields(self) -> dict[str, str]:
        """What each setting is here, in words: a field, or several with ``.`` between them."""
        return {**self.fields, **self.files}


_STRING = 255
_LONGEST = 4096
_CHALLENGE = "_acme-challenge"


class Limits(msgspec.Struct, frozen=True):
    """What a service cannot do, which the contract's tests do not ask of it then.

    A value has at most ``value_bytes``, and is matched by ``value_pattern`` as a whole where that
    is not empty. ``values_at_name`` is how many stand at one name, None for any number. A TTL below
    ``min_ttl`` (seconds) is raised to it; without ``has_ttl`` the service sets the TTL. With
    ``only_challenges`` it takes values at names that begin with ``_acme-challenge``, and no others.
    """

    value_bytes: int = _LONGEST
    value_pattern: str = ""
    values_at_name: int | None = None
    min_ttl: int = 1
    has_ttl: bool = True
    only_challenges: bool = False

    def takes_name(self, name: str) -> bool:
        """Tell whether the service takes values at a name, which is relative to the zone."""
        return not self.only_challenges or name.partition(".")[0] == _CHALLENGE

    def check_name(self, name: str) -> None:
        """Raise InvalidInputError for a name at which the service takes no values."""
        if not self.takes_name(name):
            shown = f"not at '{name}'" if name else "not at the zone itself"
            raise InvalidInputError(
                f"TXT values can be written only at names that begin with {_CHALLENGE}, {shown}"
            )

    def check(self, value: str) -> None:
        """Raise InvalidInputError for a value that the service cannot hold."""
        size = len(value.encode())
        if size > self.value_bytes:
            raise InvalidInputError(
                f"a TXT value of {size} bytes is too long: at most {self.value_bytes} are allowed"
            )
        if self.value_pattern and not re.fullmatch(self.value_pattern, value):
            raise InvalidInputError(
                f"a TXT value has characters that are not allowed: only {self.value_pattern} is"
            )


class ProviderInfo(msgspec.Struct, frozen=True):
    """What people and programs need to know of a provider: the one source of prompts and docs.

    ``name_servers`` are patterns by which one knows that a zone is with the provider, such as
    ``*.ns.example.net``. ``least_privilege`` describes the narrowest key that works (Markdown).
    ``key_url`` is the page where the key is made. ``api_url`` is where the API is, if that is one
    place for everybody: it makes a field of that name, by which it can be set otherwise.
    ``key_expiry`` says for which keys the API tells when they expire; it is empty where there is no
    :class:`ExpiringKeyProvider`. ``free_fields`` says what fields of any other name are, where
    there can be such. ``ambient`` tells of fields whether they lead to
    credentials or files of the machine itself, which not everybody who may name a provider may
    use.
    """

    slug: str
    title: str
    homepage: str  # of the provider or its API; empty if it has none
    fields: tuple[CredentialField, ...]
    default_ttl: int = 60  # seconds; at least what the limits say
    manual: bool = False  # a person creates the records; orders pause for it
    notes: str = ""  # Markdown
    least_privilege: str = ""
    name_servers: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    key_url: str = ""
    key_expiry: str = ""  # Markdown, the rest of a sentence
    api_url: str = ""
    limits: Limits = Limits()
    free_fields: str = ""
    ambient: Callable[[Mapping[str, str]], bool] = lambda _: False

    def __post_init__(self) -> None:
        ttl = max(self.default_ttl, self.limits.min_ttl)
        msgspec.structs.force_setattr(self, "default_ttl", ttl)
        if self.api_url:
            what = "where the API is; another one for a proxy or a test"
            url = CredentialField("api_url", what, default=self.api_url, url=True, rare=True)
            msgspec.structs.force_setattr(self, "fields", (*self.fields, url))

    def field(self, name: str) -> CredentialField | None:
        """Return the field of that name, None if it cannot be one. A free one may be a secret."""
        for one in self.fields:
            if one.name == name:
                return one
        if self.free_fields and name.isascii() and name.isidentifier():
            return CredentialField(name, self.free_fields, secret=True, default="")
        return None


class Zone(msgspec.Struct, frozen=True):
    """A zone that a provider can write to: its name, and the provider's own id for it if any."""

    name: DomainName
    id: str = ""

    def record(self, name: str) -> DomainName:
        """Return the full name of ``name``, which is relative to the zone; empty is the zone."""
        return self.name.child(name) if name else self.name


class Registration(Secretive, frozen=True):
    """A subdomain of a challenge service and the key to update it (an acme-dns "account").

    ``server`` is the service's URL as :attr:`zoneproof.providers.server_url.ServerUrl.identity`
    writes it, so without user part and licence key.
    """

    server: str
    fulldomain: DomainName
    subdomain: str
    username: str
    password: str

    def check(self) -> Registration:
        """Return it. Raises InvalidInputError for what no service can mean: it is made up."""
        if self.fulldomain.is_wildcard or len(self.fulldomain.labels) < 2:
            raise InvalidInputError(f"the name '{self.fulldomain}' cannot be used")
        if not self.server.isprintable():
            raise InvalidInputError("its server is not a URL")
        if not all(map(_HEADER_VALUE.fullmatch, (self.subdomain, self.username, self.password))):
            raise InvalidInputError("its subdomain, user name or key cannot be used")
        return self


class RegistrationStore(Protocol):
    """Where registrations made at first use are kept, by service and domain (without ``*.``)."""

    async def get(self, server: str, domain: DomainName) -> Registration | None:
        """Return the registration of a domain, or None."""
        ...

    async def find(self, server: str, fulldomain: DomainName) -> Registration | None:
        """Return the registration whose values stand at ``fulldomain``, or None."""
        ...

    async def put(self, domain: DomainName, registration: Registration) -> Registration:
        """Keep the registration unless one already exists; return the one that is kept."""
        ...


def require_store(slug: str, store: RegistrationStore | None) -> RegistrationStore:
    """Return the store. Raises ProviderError if there is none."""
    if store is None:
        raise ProviderError(
            f"{slug}: there is no store for registrations, without which each order would need a"
            " new CNAME"
        )
    return store


class ProviderContext(Secretive, frozen=True):
    """What a provider gets from its caller."""

    fields: Mapping[str, str]
    registrations: RegistrationStore | None = None
    timeout: float = 30.0  # seconds for one request
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # waits between attempts, in seconds
    clock: Callable[[], float] = time.monotonic  # in seconds
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # the time of day, for signatures
    locks: Path | None = None  # folder of the files with which processes take turns
    # What the servers of the zone have at a name now; raises DnsError.
    txt_values: Callable[[DomainName], Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True)
class TxtRecord:
    """A TXT value at ``name``, which is relative to a zone and empty for the zone itself.

    ``ttl`` is in seconds. It makes no other record of it: a name has a value once.
    """

    name: str
    value: str
    ttl: int = field(compare=False)


class Provider(Protocol):
    """A way to write TXT records, all those of an order for one zone at once."""

    info: ClassVar[ProviderInfo]

    def __init__(self, context: ProviderContext) -> None: ...

    async def zones(self) -> list[Zone]:
        """Return the zones that the credential can manage; empty if that cannot be listed.

        A caller with an empty list finds the zone by asking the DNS.
        """
        ...

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Make each value one of the TXT values at its name.

        A provider that cannot set the TTL ignores it; with ``info.manual`` nothing happens here,
        because a person creates the records. Raises ProviderError, whose ``of`` tells what became
        of each record, and InvalidInputError for a value that it cannot write: before it writes
        any.
        """
        ...

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Make each value none of the TXT values at its name. Raises what :meth:`add` raises."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class DelegatedProvider(Protocol):
    """A provider that publishes at a name of its own, to which a CNAME must lead (acme-dns).

    ``add`` and ``remove`` are called with that name, cut into any zone and the rest.
    Both work in a process that never called ``target``.
    """

    async def target(self, domain: DomainName, *, create: bool) -> DomainName | None:
        """Return where the values of ``domain`` (without ``*.``) are published.

        Without a registration: made when ``create`` is true, else None.
        """
        ...


@runtime_checkable
class ExpiringKeyProvider(Protocol):
    """A provider whose API tells when the key expires."""

    async def key_expires(self) -> date | None:
        """Return the day (UTC) on which the key ceases to work; None for never.

        Raises ProviderError, also where the API does not tell it of this key.
        """
        ...


@runtime_checkable
class LimitedProvider(Protocol):
    """A provider whose service may keep few values at a name, and overwrite older ones (acme-dns).

    Its names are used by one order at a time.
    """

    async def max_values(self, zone: Zone, name: str) -> int | None:
        """Return how many values stand at the name side by side, None for any number."""
        ...


def split_txt(value: str) -> tuple[bytes, ...]:
    """Return the value's UTF-8 bytes as character strings, at least one, each as long as it can be.

    The same value is always split in the same way, because removing an exact record compares the
    strings. Raises InvalidInputError above 4,096 bytes, which no challenge value comes near.
    """
    data = value.encode()
    if len(data) > _LONGEST:
        raise InvalidInputError(
            f"a TXT value of {len(data)} bytes is too long: at most {_LONGEST} are allowed"
        )
    return tuple(data[i : i + _STRING] for i in range(0, len(data), _STRING)) or (b"",)
