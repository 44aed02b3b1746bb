"""From the methods of a definition to opened providers and resolvers, ready for an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from zoneproof.challenges import http01
from zoneproof.challenges.dns01 import DelegationRules, DnsMethod
from zoneproof.challenges.dns_account01 import AccountMethod
from zoneproof.challenges.dns_persist01 import PersistMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.listener import Listeners
from zoneproof.challenges.method import Method
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.errors import InvalidInputError, VaultError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import Resolver, parse_policy, parse_server, query_authoritative
from zoneproof.issuance import Choice, PublishedRecord, match_identifier
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    parse_listen,
)
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.settings import DnsSettings, Settings
from zoneproof.providers import Provider, ProviderContext, RegistrationStore, open_provider


class ProviderPool:
    """Opens a provider once for the same fields."""

    def __init__(
        self,
        registrations: RegistrationStore,
        credentials: Credentials,
        resolver: Callable[[], Resolver],
        locks: Path,
    ) -> None:
        self._registrations = registrations
        self._resolver = resolver
        self._locks = locks
        self._credentials = credentials
        self._opened: dict[tuple[str, frozenset[tuple[str, str]]], Provider] = {}

    def open(
        self, slug: str, fields: Mapping[str, str], resolver: Resolver | None = None
    ) -> Provider:
        """Return the provider, whose own questions to the DNS go to ``resolver``.

        Raises InvalidInputError for an unknown slug or field.
        """
        key = (slug, frozenset(fields.items()))
        if key not in self._opened:
            context = ProviderContext(
                fields,
                registrations=self._registrations,
                locks=self._locks,
                txt_values=partial(self._txt_values, resolver),
            )
            self._opened[key] = open_provider(slug, context)
        return self._opened[key]

    async def _txt_values(self, resolver: Resolver | None, name: DomainName) -> Sequence[str]:
        return (await query_authoritative(resolver or self._resolver(), name, "TXT")).texts

    async def for_publication(self, publication: PublishedRecord) -> list[Provider]:
        """Return the providers that may remove what a run journaled, that of its fields first.

        The stored credential may have other fields by now: a new secret for the same server, or
        another server, which does not have the value. Raises InvalidInputError, and VaultError if
        neither can be read.
        """
        fields = [] if publication.fields is None else [publication.fields]
        if publication.credential:
            credential = await self._credentials.find(publication.credential)
            if credential and credential.provider == publication.provider:
                fields += [] if credential.fields in fields else [credential.fields]
        if not fields:
            raise VaultError(
                "the credential that published it cannot be decrypted with the vault's keys: "
                "remove it yourself"
            )
        providers, problem = [], None
        for one in fields:
            try:
                providers.append(self.open(publication.provider, one))
            except InvalidInputError as error:
                problem = error
        if problem and not providers:
            raise problem
        return providers

    async def close(self) -> None:
        """Release all connections."""
        while self._opened:
            _, provider = self._opened.popitem()
            await provider.close()


class ResolverPool:
    """Makes a resolver once for the same servers; what they learn is shared."""

    def __init__(self, authoritative_port: int) -> None:
        self._port = authoritative_port
        self._made: dict[tuple[str, ...], Resolver] = {}

    def get(self, servers: Sequence[str]) -> Resolver:
        """Return the resolver that asks these servers; none are the system's.

        Raises InvalidInputError for a server that cannot be read, DnsError.
        """
        key = tuple(servers)
        if key not in self._made:
            parsed = [parse_server(text) for text in key]
            self._made[key] = Resolver(parsed or None, authoritative_port=self._port)
        return self._made[key]

    async def close(self) -> None:
        """Release all connections."""
        while self._made:
            _, resolver = self._made.popitem()
            await resolver.close()


_DEFAULTS = DnsSettings(propagation="authoritative", propagation_timeout=600.0, resolvers=())


_BY_RECORD = {made.type: made for made in (DnsMethod, AccountMethod, PersistMethod)}


class Methods(msgspec.Struct, frozen=True):
    """A definition's methods, ready; ``otherwise`` is for identifiers that no rule matches.

    That is the definition's first method with http-01, else a listener. ``resolver`` is the one
    for questions about no method.
    """

    definition: CertificateDefinition
    made: tuple[Method, ...]
    otherwise: Method
    resolver: Resolver

    def for_account(self, account_url: str) -> Methods:
        """Return the methods for the CA's account with the URL; empty for one that is not known."""
        return replace(self, made=tuple(one.for_account(account_url) for one in self.made))

    def choose(self, identifier: Identifier) -> Choice:
        """Return the identifier's method, and why it is that one. Raises InvalidInputError."""
        match = match_identifier(identifier, self.definition.rules)
        if match.index is None:
            return Choice(self.otherwise, match.reason)
        return Choice(self.made[match.index], match.reason)


class MethodMaker:
    """Opens what methods name. DNS settings come from the run, else the method, the credential,
    the provider's settings, the settings for all, in this order.
    """

    def __init__(
        self,
        credentials: Credentials,
        settings: Settings,
        run: DnsSettings,
        providers: ProviderPool,
        resolvers: ResolverPool,
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._run = run
        self._providers = providers
        self._resolvers = resolvers
        self._listeners = Listeners()

    async def make(
        self, definition: CertificateDefinition, known: Mapping[str, Credential] | None = None
    ) -> Methods:
        """Open the methods of a definition; ``known`` credentials are not looked up.

        Raises InvalidInputError for a credential that is not there and for fields that are wrong.
        """
        made = [await self._method(one, known or {}) for one in definition.method]
        by_http = [method for method in made if method.type == http01.TYPE]
        everywhere = self._run.over(self._settings.dns)
        for method in definition.method:
            everywhere = everywhere.over(method.dns)
        return Methods(
            definition,
            tuple(made),
            by_http[0] if by_http else self._http(MethodDefinition(challenge=http01.TYPE)),
            self._resolvers.get(everywhere.resolvers or ()),
        )

    def _http(self, method: MethodDefinition) -> HttpMethod:
        if method.webroot:
            return HttpMethod(Webroot(Path(method.webroot)))
        return HttpMethod(self._listeners.listener(*parse_listen(method.listen)))

    async def _method(self, method: MethodDefinition, known: Mapping[str, Credential]) -> Method:
        if method.challenge == http01.TYPE:
            return self._http(method)
        return await self.dns(method, known)

    async def dns(self, method: MethodDefinition, known: Mapping[str, Credential]) -> DnsMethod:
        """Open a method with records in the DNS, as :meth:`make` does."""
        slug, fields, of_credential = method.provider, method.fields, DnsSettings()
        if method.credential:
            credential = known.get(method.credential)
            credential = credential or await self._credentials.get(method.credential)
            slug, of_credential = credential.provider, credential.dns
            fields = dict(credential.fields)
        dns = self._run.over(method.dns).over(of_credential)
        dns = dns.over(self._settings.provider.get(slug, DnsSettings()))
        dns = dns.over(self._settings.dns).over(_DEFAULTS)
        resolver = self._resolvers.get(dns.resolvers or ())
        return _BY_RECORD[method.challenge](
            slug=slug,
            provider=self._providers.open(slug, fields, resolver),
            propagation=parse_policy(dns.propagation or 0),
            fields=fields,
            ttl=method.ttl,
            delegation=DelegationRules.parse(method.delegation),
            follow_cname=method.follow_cname,
            zone=method.zone,
            resolver=resolver,
            propagation_seconds=dns.propagation_timeout or 0,
            credential=method.credential,
        )
