"""From what was found to what a home takes: an archive, compared and saved as every archive is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import cast

import msgspec

from zoneproof.acme import CertificateKeyKind, find_ca
from zoneproof.challenges import dns_persist01, http01
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.manager.accounts.account import StoredAccount
from zoneproof.manager.certificates.definition import CertificateDefinition, MethodDefinition
from zoneproof.manager.certificates.deployment_state import Deployed
from zoneproof.manager.certificates.renewal_state import RenewalState
from zoneproof.manager.certificates.state import lifetime_of
from zoneproof.manager.certificates.task_definition import TaskDefinition, secret_fields
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.credentials.store import check_credential_name
from zoneproof.manager.manager import Manager
from zoneproof.migration.archive import (
    Archive,
    ArchivedAccount,
    ArchivedCertificate,
    ArchivedCredential,
    ArchivedFiles,
    ArchivedRegistration,
    Item,
)
from zoneproof.migration.directories import host_of
from zoneproof.migration.found import Found, FoundAccount, FoundCertificate
from zoneproof.migration.hooks import described
from zoneproof.migration.move import plan_import
from zoneproof.migration.reading import read_file, shown, unusable
from zoneproof.providers import exists, short_name


@dataclass(frozen=True)
class TakeOver:
    """What a home can take of what was found.

    ``notes`` are those of each certificate, by its name, and ``credential_of`` names the
    certificate that each credential is for. ``problems`` are lines about what is left out.
    """

    archive: Archive
    notes: Mapping[str, tuple[str, ...]]
    credential_of: Mapping[str, str]
    problems: tuple[str, ...]


async def prepare(manager: Manager, found: Found) -> TakeOver:
    """Put together what the home can take. Raises StorageError and VaultError."""
    accounts = list(_accounts(found.accounts, await manager.accounts.all()))
    at_ca: dict[str, str] = {}
    for account in accounts:
        at_ca.setdefault(account.directory_url, account.name)
    certificates, problems = [], list(found.problems)
    credentials: list[ArchivedCredential] = []
    credential_of: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for one in found.certificates:
        try:
            definition, secrets, misfit = _definition(one, at_ca)
        except InvalidInputError as error:
            problems.append(
                f"{error.message}; it is left out: 'zoneproof add --name {one.name}' saves it"
                " with the names that you give"
            )
            continue
        lacks = one.method.lacks or misfit or await _problem(manager, definition, secrets, accounts)
        if lacks:
            definition = msgspec.structs.replace(definition, renew=False)
        credentials += secrets
        credential_of |= {credential.name: one.name for credential in secrets}
        files, problem = _files(manager, one)
        certificates.append(_certificate(definition, files))
        left_to_do = _left_to_do(one, definition, lacks)
        notes[one.name] = tuple(filter(None, (*one.notes, left_to_do, problem)))
    archive = Archive(
        accounts=tuple(accounts),
        certificates=tuple(certificates),
        credentials=tuple(credentials),
        registrations=tuple(
            ArchivedRegistration.of(one.domain, one.registration) for one in found.registrations
        ),
    )
    return TakeOver(archive, notes, credential_of, tuple(problems))


async def compare(manager: Manager, take_over: TakeOver) -> list[Item]:
    """Return each thing, whether the home has it, and lines that say what it is."""
    items = await plan_import(manager, take_over.archive)
    about = _about(take_over)
    return [
        replace(
            item,
            lines=(
                *about.get((item.kind, item.name), ()),
                *(f"differs here: {line}" for line in item.lines),
            ),
        )
        for item in items
    ]


def choose(items: Sequence[Item], take_over: TakeOver, *, replacing: bool) -> list[Item]:
    """Return what is to be taken: what is new, and with ``replacing`` also what differs.

    A credential for a certificate that stays as it is here is of no use, so it is not taken.
    """
    kept = {
        item.name
        for item in items
        if item.kind == "certificate" and item.status == "differs" and not replacing
    }
    return [
        item
        for item in items
        if (item.status == "new" or (item.status == "differs" and replacing))
        and not (item.kind == "credential" and take_over.credential_of[item.name] in kept)
    ]


def _accounts(
    found: Iterable[FoundAccount], stored: Sequence[StoredAccount]
) -> Iterable[ArchivedAccount]:
    """Give the accounts under free names; one that is stored already as it is stored."""
    taken = {one.name for one in stored}
    for account in found:
        same = [
            one
            for one in stored
            if one.directory_url == account.directory_url
            and one.key.thumbprint == account.key.thumbprint
        ]
        if same:
            yield ArchivedAccount.of(same[0])
            continue
        name = _free_name(account.directory_url, taken)
        taken.add(name)
        yield ArchivedAccount(
            name=name,
            directory_url=account.directory_url,
            account_url=account.account_url,
            key=account.key.to_pem().decode(),
            contact=account.contact,
        )


def _free_name(directory_url: str, taken: set[str]) -> str:
    name = find_ca(directory_url).name
    if name not in taken:
        return name
    stem = host_of(directory_url).replace(":", "-") if "://" in name else name
    return next(free for n in count(2) if (free := f"{stem}-{n}") not in taken)


# --- certificates ------------------------------------------------------------------------------


async def _problem(
    manager: Manager,
    definition: CertificateDefinition,
    secrets: Iterable[ArchivedCredential],
    accounts: Iterable[ArchivedAccount],
) -> str:
    """Say why no order could use the definition, empty if one could."""
    credentials = {one.name: one.credential() for one in secrets}
    urls = {account.name: account.directory_url for account in accounts}
    return "; ".join(
        await manager.checks.problems(
            definition,
            credentials=credentials,
            accounts=urls,
            written=WrittenFiles([]),  # leave_out() looks at them
        )
    )


def _definition(
    found: FoundCertificate, at_ca: Mapping[str, str]
) -> tuple[CertificateDefinition, list[ArchivedCredential], str]:
    """Return the definition, its credentials, and why its method cannot be that of the client.

    Raises InvalidInputError for what no definition can be made of.
    """
    method, credential = _method(found)
    tasks, secrets = _tasks(found)
    account = at_ca.get(found.directory_url, "")
    if found.directory_url and not account:
        account = find_ca(found.directory_url).name
    definition = CertificateDefinition(
        name=found.name,
        identifiers=tuple(one.value for one in found.identifiers),
        method=(method,),
        account=account,
        key_type=cast("CertificateKeyKind", found.key_type),
        reuse_key=found.reuse_key,
        preferred_chain=found.preferred_chain,
        profile=found.profile,
        preferred_profile=found.preferred_profile,
        renew=found.renew and _is_known(found),
        key_group=found.key_group,
        key_mode=found.key_mode,
        deploy=tasks,
    )
    try:
        return definition.check(), [*([credential] if credential else []), *secrets], ""
    except InvalidInputError as error:
        manual = MethodDefinition(provider="manual")
        kept = msgspec.structs.replace(definition, method=(manual,), renew=False)
        return kept.check(), secrets, error.message


def _tasks(
    found: FoundCertificate,
) -> tuple[tuple[TaskDefinition, ...], list[ArchivedCredential]]:
    tasks, secrets = [], []
    for one in found.tasks:
        task = one.definition
        if one.secrets:
            name = check_credential_name(f"{found.name}-{task.name}")
            task = msgspec.structs.replace(task, credential=name)
            secrets.append(
                ArchivedCredential(name=name, provider=task.task, fields=dict(one.secrets))
            )
        tasks.append(task)
    return tuple(tasks), secrets


def _method(found: FoundCertificate) -> tuple[MethodDefinition, ArchivedCredential | None]:
    if found.method.challenge == http01.TYPE:
        return MethodDefinition(
            challenge=http01.TYPE, webroot=found.method.webroot, listen=found.method.listen
        ), None
    if found.method.challenge == dns_persist01.TYPE:
        return MethodDefinition(challenge=dns_persist01.TYPE, provider="manual"), None
    if not _is_known(found):
        return MethodDefinition(provider="manual", delegation=found.delegation), None
    fields = dict(found.method.fields)
    if not secret_fields(found.method.provider, fields):
        return MethodDefinition(
            provider=found.method.provider, fields=fields, delegation=found.delegation
        ), None
    name = check_credential_name(f"{found.name}-{short_name(found.method.provider)}")
    return MethodDefinition(credential=name, delegation=found.delegation), ArchivedCredential(
        name=name, provider=found.method.provider, fields=fields
    )


def _is_known(found: FoundCertificate) -> bool:
    """Whether Zoneproof can validate its names as the other client did."""
    if found.method.challenge == http01.TYPE:
        return bool(found.method.webroot or found.method.listen)
    return exists(found.method.provider)


def _left_to_do(found: FoundCertificate, definition: CertificateDefinition, lacks: str) -> str:
    """Return what a person has to do so that it is renewed, empty if it is."""
    if definition.renew:
        return ""
    edit = f"`zoneproof edit {definition.name}"
    if _is_known(found) and not lacks:
        return f"it is kept, and not renewed here either: {edit} --renew` changes that"
    because = f"{lacks}; " if lacks else ""
    kept = f"{because}it is kept, and not renewed until it has a method that works"
    wildcards = any(one.is_wildcard for one in definition.parsed_identifiers)
    if found.method.challenge == http01.TYPE and not wildcards:
        return f"{kept}: {edit} --webroot FOLDER --renew`"
    if not found.method.provider or not _is_known(found):
        return f"{kept}: {edit} --provider SLUG --renew`"
    if stored := definition.method[0].credential:
        return (
            f"{kept}: `zoneproof credential set {stored} --field NAME=@FILE`, then {edit} --renew`"
        )
    name = f"{definition.name}-{short_name(found.method.provider)}"
    return (
        f"{kept}: `zoneproof credential add {found.method.provider} --name {name}`, then {edit}"
        f" --credential {name} --renew`"
    )


def _certificate(
    definition: CertificateDefinition, files: ArchivedFiles | None
) -> ArchivedCertificate:
    if not files:
        return ArchivedCertificate(definition=definition)
    serial = f"{files.issued.chain.leaf.serial_number:x}"
    now = datetime.now(UTC)
    return ArchivedCertificate(
        definition=definition,
        renewal=RenewalState(serial=serial, account=definition.account),
        deployed={  # by the other client
            task.name: Deployed(serial, task.fingerprint, now)
            for task in definition.deploy
            if task.deploys
        },
        files=files,
    )


def _files(manager: Manager, found: FoundCertificate) -> tuple[ArchivedFiles | None, str]:
    """Return the certificate and its key, or None and why they are not taken."""
    if found.chain_pem is None or found.private_key is None:
        return None, "its certificate or its key is missing, so a new certificate is obtained"
    try:
        files = ArchivedFiles(
            fullchain=read_file(found.chain_pem).decode(),
            private_key=read_file(found.private_key).decode(),
        )
        leaf = files.issued.chain.leaf
    except (ZoneproofError, ValueError) as error:
        told = error if isinstance(error, InvalidInputError) else None
        reason = told or unusable(found.chain_pem, f"{shown(found.private_key)} is not its key")
        return None, f"its files are not used, and a new certificate is obtained: {reason.message}"
    disk = manager.files.read(found.name)
    here = lifetime_of(disk)
    if here and here.not_before > leaf.not_valid_before_utc:
        return None, "the certificate here is newer, and is kept"
    return files, ""


# --- in words ----------------------------------------------------------------------------------


def _about(take_over: TakeOver) -> dict[tuple[str, str], tuple[str, ...]]:
    archive = take_over.archive
    about: dict[tuple[str, str], tuple[str, ...]] = {}
    for account in archive.accounts:
        about["account", account.name] = (_account(account),)
    for certificate in archive.certificates:
        definition = certificate.definition
        about["certificate", definition.name] = (
            ", ".join(definition.identifiers),
            _validated(definition),
            *described(definition.deploy),
            *(f"note: {note}" for note in take_over.notes[definition.name]),
        )
        if certificate.files:
            chain = certificate.files.issued.chain
            about["files", definition.name] = (
                f"issued by {chain.issuer}, valid until {times.at(chain.leaf.not_valid_after_utc)}",
            )
    for one in archive.registrations:
        about["registration", f"{one.domain} at {one.server}"] = (
            f"its challenges are delegated to {one.fulldomain}",
        )
    return about


def _account(account: ArchivedAccount) -> str:
    url = account.account_url or "whose URL comes from the CA"
    if account.directory_url == account.name:
        return url
    return f"{url} at {account.directory_url}"


def _validated(definition: CertificateDefinition) -> str:
    method = definition.method[0]
    if method.challenge == http01.TYPE:
        way = f"files below {method.webroot}" if method.webroot else f"listening at {method.listen}"
        how = f"http-01, {way}" if definition.renew else "http-01"
    elif method.credential:
        how = f"{method.challenge} with the credential {method.credential}"
    else:
        how = f"{method.challenge} by {method.provider}"
    parts = [how, definition.key_type, f"from {definition.account}" if definition.account else ""]
    return "; ".join(filter(None, parts))
