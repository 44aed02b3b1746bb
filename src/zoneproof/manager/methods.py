"""From the methods of a definition to opened providers and resolvers, ready for an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from zoneproof.acme import directory_url
from zoneproof.challenges import dns_persist01, http01
from zoneproof.challenges.dns01 import DelegationRules, DnsMethod
from zoneproof.challenges.dns_persist01 import PersistMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.listener import Listeners
from zoneproof.challenges.method import Method
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.access import Access, read_access
from zoneproof.core.errors import (
    HttpResponderError,
    InvalidInputError,
    VaultError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.deployment import Task, TaskContext
from zoneproof.deployment.trouble import os_errors_told
from zoneproof.dnsquery import Resolver, parse_policy, parse_server, query_authoritative
from zoneproof.issuance import (
    Choice,
    PublishedRecord,
    check_identifiers,
    match_identifier,
)
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    parse_listen,
)
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.certificates.written_files import (
    WrittenFiles,
    file_problems,
    home_problems,
)
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.settings import FILE, DnsSettings, Settings
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


class Methods(msgspec.Struct, frozen=True):
    """A definition's methods, ready; ``otherwise`` is for identifiers that no rule matches.

    That is the definition's first method with http-01, else a listener. ``resolver`` is the one
    for questions about no method.
    """

    definition: CertificateDefinition
    made: tuple[Method, ...]
    otherwise: Method
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
        made = PersistMethod if method.challenge == dns_persist01.TYPE else DnsMethod
        return made(
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


def key_access(definition: CertificateDefinition, settings: Settings) -> Access:
    """Return who may read a certificate's key. Raises InvalidInputError for an unknown group."""
    group, mode = definition.key_group, definition.key_mode
    if not definition.csr:
        group, mode = group or settings.key_group, mode or settings.key_mode
    return read_access("", group, mode)


async def open_defined_task(
    credentials: Credentials,
    task: TaskDefinition,
    known: Mapping[str, Credential] | None = None,
    *,
    context: TaskContext | None = None,
) -> Task:
    """Open a deployment task with the secrets of its credential; ``known`` are not looked up.

    Raises InvalidInputError for a credential that is not there or is another one's, and for fields
    that are wrong.
    """
    if not task.credential:
        return task.open({}, context)
    credential = (known or {}).get(task.credential) or await credentials.get(task.credential)
    if credential.provider != task.task:
        raise InvalidInputError(
            f"the task {task.name} needs a credential for {task.task}, and {credential.name} is one"
            f" for {credential.provider}: name another one"
        )
    return task.open(credential.fields, context)


async def task_problems(
    home: Path,
    credentials: Credentials,
    definition: CertificateDefinition,
    task: TaskDefinition,
    known: Mapping[str, Credential] | None = None,
) -> list[str]:
    """Return a line for each thing that would make a task of a definition fail here and now."""
    problems = file_problems(home, definition, task)
    try:
        with os_errors_told():
            opened = await open_defined_task(credentials, task, known)
            return [*problems, *await opened.problems()]
    except ZoneproofError as error:
        return [*problems, error.message]


async def new_task_problems(
    home: Path,
    credentials: Credentials,
    changes: Iterable[tuple[CertificateDefinition | None, CertificateDefinition]],
) -> list[str]:
    """Return a line for each thing that would make a task fail that a definition adds.

    ``changes`` are definitions, each with the one that it replaces, or None. They can be saved all
    the same: what a task needs may come later.
    """
    found: dict[str, list[str]] = {}
    lines = []
    for before, after in changes:
        known = {task.fingerprint for task in before.deploy} if before else set()
        for task in after.deploy:
            if task.fingerprint in known:
                continue
            if task.fingerprint not in found:  # many certificates share their tasks
                found[task.fingerprint] = await task_problems(home, credentials, after, task)
            lines += [
                f"{after.name}: the task {task.name} would fail: {problem}"
                for problem in found[task.fingerprint]
            ]
    return lines


class DefinitionChecks(msgspec.Struct, frozen=True):
    """Finds what keeps every order of a definition from working, without asking anybody."""

    home: Path
    methods: MethodMaker
    accounts: Accounts
    credentials: Credentials
    certificates: Certificates
    settings: Settings

    async def problems(
        self,
        definition: CertificateDefinition,
        *,
        before: CertificateDefinition | None = None,
        credentials: Mapping[str, Credential] | None = None,
        accounts: Mapping[str, str] | None = None,
        written: WrittenFiles | None = None,
    ) -> list[str]:
        """Return a line for everything that is wrong, without the certificate's name.

        For methods that ``before`` has, too, this machine is not looked at: what was there once may
        be there again. ``credentials`` are to be stored together with the definition, and so are
        ``accounts``, directory URLs by name. ``written`` are the files of this and of others that
        are to be stored; without it, of those that are. Raises StorageError and VaultError.
        """
        url, problems = await self.account_problems(definition, accounts or {})
        try:
            check_identifiers(
                definition.parsed_identifiers,
                directory_url=url,
                profile=definition.wanted_profile,
            )
        except InvalidInputError as error:
            problems.append(error.message)
        try:
            methods = await self.methods.make(definition, credentials)
            for identifier in definition.parsed_identifiers:
                methods.choose(identifier).method.check(identifier)
            known = before.method if before else ()
            for defined, method in zip(definition.method, methods.made, strict=True):
                if defined not in known or credentials:
                    await _require_present(method)
        except InvalidInputError as error:
            problems.append(error.message)
        try:
            key_access(definition, self.settings)
        except InvalidInputError as error:
            problems.append(error.message)
        for task in definition.deploy:
            try:
                await open_defined_task(self.credentials, task, credentials)
                problems += home_problems(self.home, definition, task)
            except InvalidInputError as error:
                problems.append(error.message)
        if definition.deploy:
            if written is None:
                stored = {one.name: one.definition for one in await self.certificates.readable()}
                before = stored.get(definition.name)
                written = WrittenFiles({**stored, definition.name: definition}.values())
            problems += [one.message for one in written.clashes(definition, before)]
        return list(dict.fromkeys(problems))

    async def account_problems(
        self, definition: CertificateDefinition, unsaved: Mapping[str, str]
    ) -> tuple[str, list[str]]:
        """Return the directory URL of its account, and a line for each of them that there is not.

        ``unsaved`` are directory URLs by name. Raises StorageError.
        """
        url, problems = "", []
        for account in (*definition.fallback_accounts, definition.account):
            try:
                url = await self._directory_url(account, unsaved)
            except InvalidInputError as error:
                url = ""
                problems.append(error.message)
        return url, problems

    async def all_problems(
        self,
        definitions: Iterable[CertificateDefinition],
        stored: Mapping[str, CertificateDefinition],
    ) -> list[str]:
        """Return a line for everything that is wrong with any of them, with its name.

        ``stored`` are those that stay beside them, and that they replace, by name.
        """
        wanted = list(definitions)
        written = WrittenFiles({**stored, **{one.name: one for one in wanted}}.values())
        return [
            f"{one.name}: {problem}"
            for one in wanted
            for problem in await self.problems(one, before=stored.get(one.name), written=written)
        ]

    async def require_usable(
        self,
        definition: CertificateDefinition,
        credentials: Mapping[str, Credential] | None = None,
        *,
        before: CertificateDefinition | None = None,
    ) -> None:
        """Raise InvalidInputError, with all that is wrong, for what cannot be used."""
        problems = await self.problems(definition, before=before, credentials=credentials)
        if problems:
            raise InvalidInputError("; ".join(problems))

    async def _directory_url(self, account: str, unsaved: Mapping[str, str]) -> str:
        if account in unsaved:
            return unsaved[account]
        name = account or self.settings.account
        try:
            found = await self.accounts.find(name)
        except InvalidInputError as error:
            where = "" if account else f"{FILE} names an account that cannot be used: "
            raise InvalidInputError(f"{where}{error.message}") from error
        return found.directory_url if found else directory_url(name)


async def _require_present(method: Method) -> None:
    with suppress(HttpResponderError):  # whoever renews later may use the folder or the port
        await method.require_usable()
