"""Moves a home: reads all of it into an archive, and takes an archive into another home."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from zoneproof.acme import AccountKey, parse_chain
from zoneproof.core.errors import AcmeError, BusyError, ConfigError, InvalidInputError, StorageError
from zoneproof.core.files import read_file
from zoneproof.core.names import DomainName
from zoneproof.manager.accounts.account import StoredAccount
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.deployment_state import Deployed, NotDeployed
from zoneproof.manager.certificates.file_form import form_of
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.state import CertificateState, state_of
from zoneproof.manager.certificates.store import (
    Certificates,
    DamagedCertificate,
    ManagedCertificate,
)
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.home import Home
from zoneproof.manager.manager import Manager
from zoneproof.manager.settings import FILE, load_settings, read_settings_text, settings_locked
from zoneproof.migration.archive import (
    Archive,
    ArchivedAccount,
    ArchivedCertificate,
    ArchivedCredential,
    ArchivedFiles,
    ArchivedRegistration,
    Item,
    compare,
)
from zoneproof.storage import Transaction

T = TypeVar("T", Deployed, NotDeployed)


@dataclass(frozen=True)
class Collected:
    """An archive, and a line for each certificate of which not all could be taken into it."""

    archive: Archive
    problems: tuple[str, ...] = ()


async def collect(manager: Manager, *, with_certificates: bool) -> Collected:
    """Read all of a home at one moment. Raises StorageError and VaultError."""
    read = await manager.store.read(lambda tx: _read(tx, manager))
    archive = msgspec.structs.replace(read.archive, settings=read_settings_text(manager.home.path))
    if not with_certificates:
        return Collected(archive, read.problems)
    problems = list(read.problems)
    certificates = []
    for one in archive.certificates:
        files, problem = read_files(manager.files, one.definition.name)
        certificates.append(msgspec.structs.replace(one, files=files))
        if problem:
            problems.append(f"{one.definition.name}: {problem}")
    return Collected(
        msgspec.structs.replace(archive, certificates=tuple(certificates)), tuple(problems)
    )


def _read(tx: Transaction, manager: Manager) -> Collected:
    found, problems = [], []
    for one in manager.certificates.each.within(tx):
        try:
            found.append(read_certificate(tx, manager, one))
        except StorageError as error:  # which says that what is stored of it is damaged
            problems.append(error.message)
    archive = Archive(
        written_at=datetime.now(UTC).replace(microsecond=0),
        certificates=tuple(found),
        credentials=tuple(map(ArchivedCredential.of, manager.credentials.all.within(tx))),
        accounts=tuple(map(ArchivedAccount.of, manager.accounts.all.within(tx))),
        registrations=tuple(
            ArchivedRegistration.of(domain, one)
            for domain, one in manager.registrations.all.within(tx)
        ),
    )
    return Collected(archive, tuple(problems))


def read_certificate(
    tx: Transaction, manager: Manager, one: ManagedCertificate | DamagedCertificate
) -> ArchivedCertificate:
    """Return what an archive holds of a certificate, but for its files. Raises StorageError."""
    if isinstance(one, DamagedCertificate):
        raise one.error
    state = state_of(one)
    return ArchivedCertificate(
        definition=one.definition,
        renewal=state.renewal,
        deployed=_of_any_home(state.deployed),
        not_deployed=_of_any_home(state.not_deployed),
        pkcs12_password=manager.certificates.pkcs12_password.within(tx, one.name).decode(),
    )


def _of_any_home(tasks: Mapping[str, T]) -> dict[str, T]:
    """Return what is known of tasks without the revisions of credentials, which are of one home."""
    return {name: msgspec.structs.replace(known, credential="") for name, known in tasks.items()}


def read_files(files: CertificateFiles, name: str) -> tuple[ArchivedFiles | None, str]:
    """Return the files of a certificate, or what keeps them from being used."""
    problem = files.read(name).problem
    if problem:
        return None, problem
    try:
        pem = read_file(files.live(name) / "fullchain.pem")
        chain = parse_chain(pem, str(files.live(name)))
        key, csr = files.private_key(name), files.csr(name)
        texts = {"private_key": key} if key else {"csr": csr or b""}
        found = {field: text.decode("ascii") for field, text in texts.items()}
        return ArchivedFiles(fullchain=chain.pem.decode(), **found), ""
    except (OSError, UnicodeDecodeError) as error:
        return None, str(error)
    except AcmeError as error:
        return None, error.message


async def plan_import(manager: Manager, archive: Archive) -> list[Item]:
    """Return everything that the archive holds, and whether this home has it.

    Raises InvalidInputError for settings that cannot be used here.
    """
    _check_settings(manager.home, archive.settings)
    with_certificates = any(one.files for one in archive.certificates)
    present = await collect(manager, with_certificates=with_certificates)
    return compare(archive, present.archive)


async def leave_out(
    manager: Manager, archive: Archive, wanted: Sequence[Item]
) -> tuple[list[Item], list[str]]:
    """Return ``wanted`` without certificates that would write others' files, and why each.

    What only those need goes, too. Raises StorageError.
    """
    stored = {one.name: one.definition for one in await manager.certificates.readable()}
    clashing = _clashing(_coming(archive, wanted), stored)
    used, unused = set[str](), set[str]()
    for one in archive.certificates:
        (unused if one.definition.name in clashing else used).update(one.definition.credentials)
    out = {(kind, name) for kind in ("certificate", "files") for name in clashing}
    out |= {("credential", name) for name in unused - used}
    return (
        [item for item in wanted if (item.kind, item.name) not in out],
        [f"{name} is left out: {reason}" for name, reason in clashing.items()],
    )


def _coming(archive: Archive, items: Collection[Item]) -> list[CertificateDefinition]:
    names = {item.name for item in items if item.kind == "certificate"}
    return [one.definition for one in archive.certificates if one.definition.name in names]


def _clashing(
    coming: Iterable[CertificateDefinition], stored: Mapping[str, CertificateDefinition]
) -> dict[str, str]:
    """Return which of them would write a file that another task writes, by name, and why.

    Of two that come together, it is the second.
    """
    definitions = {one.name: one for one in coming}
    written = WrittenFiles(one for name, one in stored.items() if name not in definitions)
    found = {}
    for name, definition in definitions.items():
        clashes = [
            *WrittenFiles([definition]).clashes(definition),
            *written.clashes(definition, stored.get(name)),
        ]
        if clashes:
            found[name] = "; ".join(clash.message for clash in clashes)
        if not clashes or name in stored:
            written.add(stored[name] if clashes else definition)
    return found


async def take(
    manager: Manager, archive: Archive, items: Sequence[Item], *, origin: str = "an archive"
) -> None:
    """Take the chosen ``items``, new ones or ones that differ, out of the archive.

    ``origin`` says in the certificates' history where they come from. The database gets all or
    nothing of them. Raises InvalidInputError for an account whose key is just being changed here
    and for certificates that :func:`leave_out` would leave out, BusyError if the home was changed
    since ``items`` were compared, and StorageError; running it again continues.
    """
    chosen = {(item.kind, item.name) for item in items}
    for account in archive.accounts:
        if ("account", account.name) in chosen:
            _require_no_rollover(await manager.accounts.named(account.name), account)
    for one in archive.certificates:
        if one.files and ("files", one.definition.name) in chosen:
            try:
                form = await form_of(manager, one.definition, one.pkcs12_password)
            except InvalidInputError as error:
                raise InvalidInputError(f"{one.definition.name}: {error.message}") from error
            with manager.home.lock(one.definition.name):
                manager.files.write(one.definition.name, one.files.issued, form)

    def work(tx: Transaction) -> None:
        present = _read(tx, manager)
        now = {(item.kind, item.name): item.status for item in compare(archive, present.archive)}
        for item in items:
            if item.kind not in ("files", "settings") and now[item.kind, item.name] != item.status:
                raise BusyError(
                    f"the {item.kind} {item.name} was changed by somebody else in the meantime: run"
                    " this again"
                )
        stored = {one.definition.name: one.definition for one in present.archive.certificates}
        if clashing := _clashing(_coming(archive, items), stored):
            raise InvalidInputError("; ".join(map(": ".join, clashing.items())))
        _store(tx, manager, archive, chosen, origin)

    await manager.store.write(work)
    if ("settings", FILE) in chosen:
        _write_settings(manager.home, archive.settings)


def _store(
    tx: Transaction,
    manager: Manager,
    archive: Archive,
    chosen: set[tuple[str, str]],
    origin: str,
) -> None:
    for credential in archive.credentials:
        if ("credential", credential.name) in chosen:
            manager.credentials.save.within(tx, credential.credential())
    for account in archive.accounts:
        if ("account", account.name) in chosen:
            _store_account(tx, manager.accounts, account)
    for one in archive.registrations:
        if ("registration", f"{one.domain} at {one.server}") in chosen:
            domain = DomainName.parse(one.domain)
            manager.registrations.remove.within(tx, one.server, domain)
            manager.registrations.put.within(tx, domain, one.registration)
    known = {one.name for one in manager.certificates.readable.within(tx)}
    for certificate in archive.certificates:
        name = certificate.definition.name
        if ("certificate", name) in chosen:
            _store_certificate(tx, manager.certificates, certificate, is_new=name not in known)
            manager.history.add.within(tx, name, "imported", f"from {origin}")


def _require_no_rollover(before: StoredAccount | None, archived: ArchivedAccount) -> None:
    """Refuse to replace an account's keys when another one may be the CA's."""
    if before is None or before.next_key is None or before.account_url != archived.account_url:
        return
    if archived.next_key != before.next_key.to_pem().decode():
        raise InvalidInputError(
            f"a key rollover of the account {before.name} was interrupted here: 'zoneproof account "
            "rollover"
            f" {before.name}' finishes it, then run this again"
        )


def _store_account(tx: Transaction, accounts: Accounts, archived: ArchivedAccount) -> None:
    before = accounts.named.within(tx, archived.name)
    account = StoredAccount(
        id=before.id if before else str(uuid.uuid4()),
        name=archived.name,
        directory_url=archived.directory_url,
        account_url=archived.account_url,
        kept_key=AccountKey.from_pem(archived.key.encode()),
        contact=archived.contact,
        ca_bundle=Path(archived.ca_bundle) if archived.ca_bundle else None,
        allow_http=archived.allow_http,
    )
    if before:
        accounts.remove.within(tx, before)
    accounts.add.within(tx, account)
    if archived.next_key:
        accounts.keep_next_key.within(tx, account, AccountKey.from_pem(archived.next_key.encode()))


def _store_certificate(
    tx: Transaction, certificates: Certificates, archived: ArchivedCertificate, *, is_new: bool
) -> None:
    name = archived.definition.name
    if is_new:
        certificates.remove.within(tx, name)  # one that is damaged
    certificates.save.within(tx, archived.definition)
    if archived.pkcs12_password or not is_new:
        certificates.set_pkcs12_password.within(tx, name, archived.pkcs12_password)
    if is_new:
        state = CertificateState(
            renewal=archived.renewal,
            deployed=archived.deployed,
            not_deployed=archived.not_deployed,
        )
        certificates.change_state.within(tx, name, CertificateState, lambda _: state)


def _check_settings(home: Home, text: str) -> None:
    if not text:
        return
    near = home.path if os.access(home.path, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".settings", dir=near) as folder:
        path = Path(folder) / FILE
        path.write_text(text, "utf-8")
        try:
            load_settings(Path(folder))
        except ConfigError as error:
            reason = error.message.removeprefix(f"{path}").lstrip(": ")
            raise InvalidInputError(
                f"the archive's {FILE} cannot be used here: {reason}; nothing was changed"
            ) from error


def _write_settings(home: Home, text: str) -> None:
    path = home.path / FILE
    try:
        with (
            settings_locked(home),
            tempfile.TemporaryDirectory(prefix=".settings", dir=home.path) as folder,
        ):
            new = Path(folder) / FILE
            new.touch(mode=0o600)  # because settings can hold passwords
            new.write_text(text, "utf-8")
            new.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
