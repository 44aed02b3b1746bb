"""The provider for acme-dns and for every service with its HTTP API, our own among them."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.http import load_ca_bundle
from zoneproof.core.names import DomainName
from zoneproof.core.text import sanitize
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import Body
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    Registration,
    RegistrationStore,
    TxtRecord,
    Zone,
    require_store,
)
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.refusals import Refusal, Refusals
from zoneproof.providers.server_url import ServerUrl

# acme-dns answers 500 when its database refused the change, so nothing was stored.
_NOT_DONE = (429, 500, 503)
_WITHDRAWN = (200, 204)
_CANNOT_WITHDRAW = (404, 405, 501)
_MAX_VALUES = 2  # of acme-dns, for each registration
_NOBODYS_VALUE = "_" * 43
_NO_UPDATES = Refusal(ProviderError, "there is no update endpoint there", "check the server's URL")
_NO_REGISTRATIONS = Refusal(
    ProviderError,
    "there is no registration endpoint there",
    "check the URL's path, or ask its operator whether registration is turned off",
)
_NOT_REGISTERED: Refusals = {
    401: Refusal.wrong_key(
        "it does not accept the licence key", "check the key in the server's URL"
    ),
    403: Refusal.not_allowed(
        "it refuses a new registration",
        "ask its operator whether the licence key is disabled, expired or used up",
    ),
    404: _NO_REGISTRATIONS,
    405: _NO_REGISTRATIONS,
}
_NOT_REGISTERED_WITHOUT_KEY: Refusals = {
    **_NOT_REGISTERED,
    401: Refusal.wrong_key(
        "it registers only with a licence key",
        "put the key into the server's URL, https://user:key@host/ or https://host/k/key/",
    ),
}
_NOT_UPDATED: Refusals = {
    401: Refusal.wrong_key(
        "it does not accept this registration's key",
        "the registration was deleted or its key changed there, or this machine's address is not"
        " in its allowfrom",
    ),
    403: Refusal.not_allowed(
        "it refuses the value", "ask its operator whether the licence key is disabled or expired"
    ),
    404: _NO_UPDATES,
    405: _NO_UPDATES,
    "bad_txt": Refusal(ProviderError, "it accepts only values of 43 base64url characters"),
    "bad_subdomain": Refusal.no_zone("it does not know the registration", "it was deleted there"),
}
_NOT_UPDATED_BY_KEY_IN_PATH: Refusals = {
    **_NOT_UPDATED,
    401: Refusal.wrong_key(
        "it does not accept this registration's key",
        "the registration was deleted or its key changed there, the licence key in the URL is no "
        "longer valid, or this machine's address is not in its allowfrom",
    ),
}


class _Registered(msgspec.Struct):
    username: str
    password: str
    fulldomain: str
    subdomain: str


class _Updated(msgspec.Struct):
    txt: str


@dataclass
class _State:
    """What was added at a registration and not removed yet, and when the last of all was."""

    values: set[str] = field(default_factory=set)
    added_at: float = -math.inf


def parse_allowfrom(text: str) -> list[str]:
    """Read networks separated by commas, semicolons or spaces, as CIDRs; one address is itself.

    Raises InvalidInputError, which names the entry.
    """
    networks = []
    for entry in filter(None, re.split(r"[,;\s]+", text)):
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            network = None
        if network is None or "%" in entry:
            raise InvalidInputError(
                f"allowfrom: '{sanitize(entry)}' is not a network: write 192.0.2.0/24 or"
                " 2001:db8::/32"
            )
        networks.append(str(network))
    return networks


class AcmeDns:
    """Publishes at a subdomain of the service, registered at first use of a domain.

    An update is not repeated when it may have been done, because acme-dns keeps the last two
    values and counts the same value twice: repeating the second would push out the first.

    acme-dns knows only by whole seconds which of its two values is the older one, and of two equal
    ones it overwrites the first, even if that came last. So the first value of an order comes in a
    later second than whatever was added before; then the second one overwrites that.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="acme-dns",
        title="acme-dns",
        homepage="https://github.com/joohoi/acme-dns",
        fields=(
            CredentialField(
                "server",
                "URL of the service; a licence key goes into it as https://user:key@host/ or"
                " https://host/k/key/; http:// only on this machine or a private network",
                url=True,
                check=ServerUrl.parse,
            ),
            CredentialField(
                "allowfrom",
                "addresses that may update, such as 192.0.2.0/24, 2001:db8::1; sent to the service "
                "when a domain is registered, empty for all",
                default="",
                check=parse_allowfrom,
            ),
            CredentialField(
                "ca_bundle",
                "absolute path of the PEM file of the CA that signed the service's certificate;"
                " empty for the usual public CAs",
                default="",
                file=load_ca_bundle,
            ),
        ),
        default_ttl=1,
        limits=Limits(value_pattern="[A-Za-z0-9_-]{43}", has_ttl=False),
        notes="Registers each domain at first use, once for `example.com` and `*.example.com`, and"
        " asks you to create one CNAME from `_acme-challenge.example.com` to the name that the "
        "service gives. Keep the registrations: without them a new CNAME is needed. The service"
        " sets the TTL and accepts only values of 43 characters, which is what dns-01 uses. "
        "acme-dns itself keeps two values, which only newer ones replace, so orders that share a "
        "registration take turns, and a certificate with more than two names at one registration "
        "is refused; values that programs on other machines overwrite are published again. "
        "Zoneproof's own service keeps up to 16 values and removes each when its order is done.",
        least_privilege="Each registration has its own key, which can change the values at its"
        " own name and nothing else; with `allowfrom` it works from your addresses only.",
        aliases=(
            Alias("certbot", "dns-acmedns", {"api_url": "server"}),
            Alias("acme.sh", "dns_acmedns", {"ACMEDNS_BASE_URL": "server"}),
            Alias(
                "lego",
                "acme-dns",
                {"ACME_DNS_API_BASE": "server", "ACME_DNS_ALLOWLIST": "allowfrom"},
                left_out=("ACME_DNS_STORAGE_BASE_URL",),
            ),
            Alias(
                "lego",
                "acmedns",
                {"ACME_DNS_API_BASE": "server", "ACME_DNS_ALLOWLIST": "allowfrom"},
                left_out=("ACME_DNS_STORAGE_BASE_URL",),
            ),
        ),
    )

    def __init__(self, context: ProviderContext) -> None:
        self._server = ServerUrl.parse(context.fields["server"])
        self._allowfrom = parse_allowfrom(context.fields["allowfrom"])
        self._registrations = context.registrations
        login = (self._server.user, self._server.password)
        self._api = ApiClient(
            context,
            secrets=self._server.secrets,
            auth=login if any(login) else None,
            ca_bundle=context.fields["ca_bundle"],
        )
        has_key_in_path = "/k/" in self._server.shown
        self._not_updated = _NOT_UPDATED_BY_KEY_IN_PATH if has_key_in_path else _NOT_UPDATED
        self._locks = KeyedLocks()
        self._sleep, self._clock = context.sleep, context.clock
        self._withdraws: bool | None = None  # once it is known
        self._states: dict[DomainName, _State] = {}

    async def zones(self) -> list[Zone]:
        """Return nothing: the service has no list, and its zone is found by asking the DNS."""
        return []

    async def target(self, domain: DomainName, *, create: bool) -> DomainName | None:
        """Return the domain's own name at the service (DelegatedProvider).

        Tasks that share this object register a domain once. Two processes at the same moment may
        both register, and use the one that the store keeps.
        """
        domain = domain.base
        async with self._locks(("domain", domain)):
            found = await self._store.get(self._server.identity, domain)
            if found is None and create:
                found = await self._store.put(domain, await self._register(domain))
        return found.fulldomain if found else None

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Post each value to the registration whose name it has; the service sets the TTL."""
        await one_by_one(self._add, zone, records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Withdraw the values where the service can; acme-dns cannot, and overwrites them later."""
        await one_by_one(self._remove, zone, records)

    async def max_values(self, zone: Zone, name: str) -> int | None:
        """Return 2 for acme-dns, None for a service that withdraws values (LimitedProvider)."""
        async with self._locks(("max_values",)):  # so that many names cost one question
            if self._withdraws is None:
                try:
                    await self._change("DELETE", zone.record(name), _NOBODYS_VALUE)
                except (ProviderUnavailableError, ProviderQuotaError):
                    raise
                except ProviderError:
                    return (
                        _MAX_VALUES  # if more is wrong than a proxy that stops DELETE, adding tells
                    )
        return None if self._withdraws else _MAX_VALUES

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _add(self, zone: Zone, record: TxtRecord) -> None:
        fulldomain = zone.record(record.name)
        async with self._locks(("add", fulldomain)):
            state = self._states.setdefault(fulldomain, _State())
            early = state.added_at + 1 - self._clock()
            if early > 0 and not state.values and await self.max_values(zone, record.name):
                await self._sleep(early)
            state.values.add(record.value)
            try:
                await self._change("POST", fulldomain, record.value)
            finally:
                state.added_at = self._clock()

    async def _remove(self, zone: Zone, record: TxtRecord) -> None:
        fulldomain = zone.record(record.name)
        if fulldomain in self._states:
            self._states[fulldomain].values.discard(record.value)
        await self._change("DELETE", fulldomain, record.value)

    @property
    def _store(self) -> RegistrationStore:
        return require_store("acme-dns", self._registrations)

    def _where(self, what: DomainName) -> str:
        return f"acme-dns {self._server.shown}, {what}"

    async def _register(self, domain: DomainName) -> Registration:
        where = self._where(domain)
        allowfrom = {"allowfrom": self._allowfrom} if self._allowfrom else {}
        answer = await self._api.send(
            "POST",
            f"{self._server.base}/register",
            where=where,
            # Zoneproof's service keeps the subject as a note; acme-dns ignores it.
            body=Body.json({"subject": domain.text, **allowfrom}),
            repeatable=False,
            not_done=_NOT_DONE,
            expected=(200, 201),
            refusals=_NOT_REGISTERED if self._server.secrets else _NOT_REGISTERED_WITHOUT_KEY,
        )
        made = self._api.read(answer, _Registered, where=where)
        try:
            return Registration(
                self._server.identity,
                DomainName.parse(made.fulldomain),
                made.subdomain,
                made.username,
                made.password,
            ).check()
        except InvalidInputError as error:
            raise ProviderError(
                f"{where}: it returned an invalid registration: {error.message}"
            ) from error

    async def _change(self, method: str, fulldomain: DomainName, value: str) -> None:
        where = self._where(fulldomain)
        registration = await self._store.find(self._server.identity, fulldomain)
        if registration is None:
            raise ProviderZoneError(
                f"{where}: this machine has no registration for that name at the service; make one"
                " by issuing, or import it"
            )
        self._api.hide(registration.password)
        async with self._locks(("name", fulldomain)):
            answer = await self._api.send(
                method,
                f"{self._server.base}/update",
                where=where,
                body=Body.json({"subdomain": registration.subdomain, "txt": value}),
                headers={"X-Api-User": registration.username, "X-Api-Key": registration.password},
                repeatable=method == "DELETE",
                not_done=_NOT_DONE,
                expected=(*_WITHDRAWN, *_CANNOT_WITHDRAW) if method == "DELETE" else (200,),
                refusals=self._not_updated,
            )
        if method == "DELETE":
            self._withdraws = answer.status in _WITHDRAWN
            return
        if self._api.read(answer, _Updated, where=where).txt != value:
            raise ProviderError(
                f"{where}: it confirmed a value other than the one sent; check that"
                " the URL leads to an acme-dns service"
            )
