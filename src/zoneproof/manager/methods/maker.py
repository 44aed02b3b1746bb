"""From the methods of a definition to methods that an order can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoneproof.dnsquery import Resolver, parse_policy
from zoneproof.http01 import Listeners, Webroot
from zoneproof.issuance import (
    Choice,
    DelegationRules,
    DnsMethod,
    HttpMethod,
    Method,
    match_identifier,
)
from zoneproof.manager.certificates.definition import (
    HTTP01,
    CertificateDefinition,
    MethodDefinition,
    parse_listen,
)
from zoneproof.manager.credentials.stored import Credential, Credentials
from zoneproof.manager.methods.provider_pool import ProviderPool
from zoneproof.manager.methods.resolver_pool import ResolverPool
from zoneproof.manager.settings import DnsSettings, Settings
from zoneproof.names import Identifier

_DEFAULTS = DnsSettings(propagation="authoritative", propagation_timeout=600.0, resolvers=())


@dataclass(frozen=True)
class Methods:
    """A definition's methods, ready; ``otherwise`` is for identifiers that no rule matches.

    That is the definition's first method with http-01, else a listener. ``resolver`` is the one
    for questions about no method.
    """

    definition: CertificateDefinition
    made: tuple[Method, ...]
    otherwise: HttpMethod
    resolver: Resolver

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
        by_http = [method for method in made if isinstance(method, HttpMethod)]
        everywhere = self._run.over(self._settings.dns)
        for method in definition.method:
            everywhere = everywhere.over(method.dns)
        return Methods(
            definition,
            tuple(made),
            by_http[0] if by_http else self._http(MethodDefinition(challenge=HTTP01)),
            self._resolvers.get(everywhere.resolvers or ()),
        )

    def _http(self, method: MethodDefinition) -> HttpMethod:
        if method.webroot:
            return HttpMethod(Webroot(Path(method.webroot)))
        return HttpMethod(self._listeners.listener(*parse_listen(method.listen)))

    async def _method(self, method: MethodDefinition, known: Mapping[str, Credential]) -> Method:
        if method.challenge == HTTP01:
            return self._http(method)
        slug, fields, of_credential = method.provider, method.fields, DnsSettings()
        if method.credential:
            credential = known.get(method.credential)
            credential = credential or await self._credentials.get(method.credential)
            slug, of_credential = credential.provider, credential.dns
            fields = dict(credential.fields)
        dns = self._run.over(method.dns).over(of_credential)
        dns = dns.over(self._settings.provider.get(slug, DnsSettings()))
        dns = dns.over(self._settings.dns).over(_DEFAULTS)
        return DnsMethod(
            slug=slug,
            provider=self._providers.open(slug, fields),
            propagation=parse_policy(dns.propagation or 0),
            fields=fields,
            ttl=method.ttl,
            delegation=DelegationRules.parse(method.delegation),
            follow_cname=method.follow_cname,
            zone=method.zone,
            resolver=self._resolvers.get(dns.resolvers or ()),
            propagation_seconds=dns.propagation_timeout or 0,
            credential=method.credential,
        )
