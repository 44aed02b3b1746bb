"""What an attempt depends on, so that its failure can end when that changes.

What is stored is told apart without opening a secret; where challenge names lead, the DNS says;
which files on this machine count, credentials say.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from zoneproof.acme import find_ca
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    DelegationError,
    DnsError,
    InvalidInputError,
    NoSuchDomainError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName
from zoneproof.deployment.programs import split_words
from zoneproof.dnsquery import follow_delegation, query_authoritative
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.definition import (
    FILE_FORM,
    CertificateDefinition,
    MethodDefinition,
)
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.credentials.store import Credentials
from zoneproof.manager.methods import Methods
from zoneproof.manager.settings import Settings
from zoneproof.providers import describe
from zoneproof.providers import files_of as provider_files

_SECONDS = 3.0  # no run waits longer for what it can do without


class Circumstances(msgspec.Struct, frozen=True):
    """The settings, and the revisions of credentials and accounts by their names.

    A revision is a text that is another one after every change that people make.
    """

    settings: Settings
    credentials: Mapping[str, str]
    accounts: Mapping[str, str]

    def of(self, definition: CertificateDefinition) -> str:
        """Return a digest of the definition and of all that it refers to."""
        accounts = accounts_of(definition, self.settings)
        settings = self.settings
        facts = (
            definition.fingerprint,
            [getattr(definition, name) for name in FILE_FORM],
            [self.credentials.get(name, "") for name in credentials_of(definition)],
            [task.fingerprint for task in _hindering(definition)],
            [(account, self.accounts.get(account, "")) for account in accounts],
            (settings.dns, settings.provider, settings.authoritative_port),
        )
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def credentials_of(definition: CertificateDefinition) -> list[str]:
    """Return the names of the credentials that an attempt needs; empty for a method without one."""
    methods = [method.credential for method in definition.method]
    return [*methods, *(task.credential for task in _hindering(definition))]


def _hindering(definition: CertificateDefinition) -> list[TaskDefinition]:
    """Return the tasks that end an attempt before it begins, if they fail."""
    return [task for task in definition.deploy if task.when == "before" and task.fatal]


def accounts_of(definition: CertificateDefinition, settings: Settings) -> list[str]:
    """Return the names of the accounts that the certificate may come from, the first one first.

    An account that is not stored yet will be named after its CA.
    """
    accounts = (definition.account or settings.account, *definition.fallback_accounts)
    return [name for account in accounts for name in dict.fromkeys((account, _ca(account)))]


def _ca(account: str) -> str:
    try:
        return find_ca(account).name
    except InvalidInputError:
        return account  # an account's own name


async def delegations_of(
    definition: CertificateDefinition, open_methods: Callable[[], Awaitable[Methods]]
) -> str:
    """Return in one text where all CNAMEs of the challenge names lead; empty if nobody can tell."""
    try:
        methods = await open_methods()
        names = {
            methods.choose(identifier).method.challenge_name(identifier.domain)
            for identifier in definition.parsed_identifiers
            if identifier.type == "dns"
        }
        found = await all_at_once(_delegation(methods, one) for one in sorted(filter(None, names)))
    except (ZoneproofError, TimeoutError):
        return ""
    return "; ".join(found)


async def _delegation(methods: Methods, name: DomainName) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            return " ".join(map(str, (await follow_delegation(methods.resolver, name)).chain))
    except (DelegationError, NoSuchDomainError) as error:
        return error.message
    except (DnsError, TimeoutError):
        # It may lead where nobody answers, which is what has to be changed.
        async with asyncio.timeout(_SECONDS):
            answer = await query_authoritative(methods.resolver, name, "CNAME")
        return " ".join(map(str, (name, *answer.targets, "...")))


async def files_of(
    definition: CertificateDefinition,
    credentials: Credentials,
    accounts: Accounts,
    settings: Settings,
) -> str:
    """Return a digest of the files that an order depends on; empty if nobody can tell which.

    These are the programs, folders and CA bundles that its methods and accounts name, and programs
    that may end an attempt before it begins.
    """
    try:
        paths = [path for one in definition.method for path in await _files_of(one, credentials)]
        commands = [task.fields.get("command", "") for task in _hindering(definition)]
        paths += [Path(split_words("command", command)[0]) for command in commands if command]
        for name in accounts_of(definition, settings):
            account = await accounts.reach(name)
            paths += [account.ca_bundle] if account and account.ca_bundle else []
    except ZoneproofError:
        return ""
    facts = await asyncio.to_thread(lambda: [(str(path), _stamp(path)) for path in paths])
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


async def _files_of(method: MethodDefinition, credentials: Credentials) -> list[Path]:
    if method.webroot:
        return [Path(method.webroot)]
    slug, fields = method.provider, method.fields
    if method.credential:
        credential = await credentials.get(method.credential)
        slug, fields = credential.provider, dict(credential.fields)
    return provider_files(describe(slug), fields) if slug else []


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    # What comes and goes in a folder is nothing new.
    content = () if path.is_dir() else (found.st_size, found.st_mtime_ns)
    return (found.st_mode, found.st_uid, found.st_gid, *content)
