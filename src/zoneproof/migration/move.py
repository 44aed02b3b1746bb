"""Moves a home: reads all of it into an archive, and takes an archive into another home."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from zoneproof.acme import AccountKey, parse_chain
from zoneproof.core.errors import AcmeError, BusyError, ConfigError, InvalidInputError, StorageError
from zoneproof.core.files import read_file
from zoneproof.core.names import DomainName
from zoneproof.manager.accounts.store import Accounts, StoredAccount
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.state import CertificateState, state_of
from zoneproof.manager.certificates.store import (
    Certificates,
    DamagedCertificate,
    History,
    ManagedCertificate,
)
from zoneproof.manager.credentials.registrations import StoredRegistrations
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.home import Home
from zoneproof.manager.manager import Manager
from zoneproof.manager.settings import FILE, load_settings
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
from zoneproof.storage import Store, read_together, write_together
from zoneproof.vault import Vault


@dataclass(frozen=True)
class Collected:
    """An archive, and a line for each certificate of which not all could be taken into it."""

    archive: Archive
    problems: tuple[str, ...] = ()


async def collect(manager: Manager, *, with_certificates: bool) -> Collected:
    """Read all of a home at one moment. Raises StorageError and VaultError."""
    read = await read_together(manager.store, lambda store: _read(store, manager.vault))
    archive = msgspec.structs.replace(read.archive, settings=_read_settings(manager.home))
    if not with_certificates:
        return Collected(archive, read.problems)
    problems = list(read.problems)
    certificates = []
    for one in archive.certificates:
        files, problem = _read_files(manager.files, one.definition.name)
        certificates.append(msgspec.structs.replace(one, files=files))
        if problem:
            problems.append(f"{one.definition.name}: {problem}")
    return Collected(
        msgspec.structs.replace(archive, certificates=tuple(certificates)), tuple(problems)
    )


async def _read(store: Store, vault: Vault) -> Collected:
    certificates, found, problems = Certificates(store, vault), [], []
    for one in await certificates.each():
        try:
            found.append(await _certificate(certificates, one))
        except StorageError as error:  # which says that what is stored of it is damaged
            problems.append(error.message)
    archive = Archive(
        written_at=datetime.now(UTC).replace(microsecond=0),
        certificates=tuple(found),
        credentials=tuple(
            ArchivedCredential(
                name=one.name, provider=one.provider, fields=dict(one.fields), dns=one.dns
            )
            for one in await Credentials(store, vault).all()
        ),
        accounts=tuple(map(ArchivedAccount.of, await Accounts(store, vault).all())),
        registrations=tuple(
            ArchivedRegistration.of(domain, one)
            for domain, one in await StoredRegistrations(store, vault).all()
        ),
    )
    return Collected(archive, tuple(problems))


async def _certificate(
    certificates: Certificates, one: ManagedCertificate | DamagedCertificate
) -> ArchivedCertificate:
    if isinstance(one, DamagedCertificate):
        raise one.error
    state = state_of(one)
    return ArchivedCertificate(
        definition=one.definition,
        renewal=state.renewal,
        not_deployed=state.not_deployed,
        pkcs12_password=(await certificates.pkcs12_password(one.name)).decode(),
    )


def _read_settings(home: Home) -> str:
    path = home.path / FILE
    try:
        return read_file(path).decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StorageError(f"cannot read {path}: {reason}") from error


def _read_files(files: CertificateFiles, name: str) -> tuple[ArchivedFiles | None, str]:
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


async def take(
    manager: Manager, archive: Archive, items: Sequence[Item], *, origin: str = "an archive"
) -> None:
    """Take the chosen ``items``, new ones or ones that differ, out of the archive.

    ``origin`` says in the certificates' history where they come from. The database gets all or
    nothing of them. Raises InvalidInputError for an account whose key is just being changed here,
    BusyError if the home was changed since ``items`` were compared, and StorageError; running it
    again goes on.
    """
    chosen = {(item.kind, item.name) for item in items}
    for account in archive.accounts:
        if ("account", account.name) in chosen:
            _require_no_rollover(await manager.accounts.named(account.name), account)
    for one in archive.certificates:
        if one.files and ("files", one.definition.name) in chosen:
            password = one.pkcs12_password.encode() if one.definition.pkcs12 else None
            with manager.home.lock(one.definition.name):
                manager.files.write(one.definition.name, one.files.issued, pkcs12_password=password)

    async def work(store: Store) -> None:
        present = await _read(store, manager.vault)
        now = {(item.kind, item.name): item.status for item in compare(archive, present.archive)}
        for item in items:
            if item.kind not in ("files", "settings") and now[item.kind, item.name] != item.status:
                raise BusyError(
                    f"the {item.kind} {item.name} was changed by somebody else meanwhile: run this"
                    " again"
                )
        await _store(store, manager.vault, archive, chosen, origin)

    await write_together(manager.store, work)
    if ("settings", FILE) in chosen:
        _write_settings(manager.home, archive.settings)


async def _store(
    store: Store, vault: Vault, archive: Archive, chosen: set[tuple[str, str]], origin: str
) -> None:
    certificates, history = Certificates(store, vault), History(store)
    credentials, accounts = Credentials(store, vault), Accounts(store, vault)
    registrations = StoredRegistrations(store, vault)
    for credential in archive.credentials:
        if ("credential", credential.name) in chosen:
            await credentials.save(
                Credential(credential.name, credential.provider, credential.fields, credential.dns)
            )
    for account in archive.accounts:
        if ("account", account.name) in chosen:
            await _store_account(accounts, account)
    for one in archive.registrations:
        if ("registration", f"{one.domain} at {one.server}") in chosen:
            domain = DomainName.parse(one.domain)
            await registrations.remove(one.server, domain)
            await registrations.put(domain, one.registration)
    known = {one.name for one in await certificates.readable()}
    for certificate in archive.certificates:
        name = certificate.definition.name
        if ("certificate", name) in chosen:
            await _store_certificate(certificates, certificate, is_new=name not in known)
            await history.add(name, "imported", f"from {origin}")


def _require_no_rollover(before: StoredAccount | None, archived: ArchivedAccount) -> None:
    """Refuse to replace an account's keys when another one may be the CA's."""
    if before is None or before.next_key is None or before.account_url != archived.account_url:
        return
    if archived.next_key != before.next_key.to_pem().decode():
        raise InvalidInputError(
            f"a rollover of the account {before.name} was cut off here: 'zoneproof account rollover"
            f" {before.name}' finishes it, then run this again"
        )


async def _store_account(accounts: Accounts, archived: ArchivedAccount) -> None:
    before = await accounts.named(archived.name)
    account = StoredAccount(
        id=before.id if before else str(uuid.uuid4()),
        name=archived.name,
        directory_url=archived.directory_url,
        account_url=archived.account_url,
        key=AccountKey.from_pem(archived.key.encode()),
        contact=archived.contact,
        ca_bundle=Path(archived.ca_bundle) if archived.ca_bundle else None,
        allow_http=archived.allow_http,
    )
    if before:
        await accounts.remove(before)
    await accounts.add(account)
    if archived.next_key:
        await accounts.keep_next_key(account, AccountKey.from_pem(archived.next_key.encode()))


async def _store_certificate(
    certificates: Certificates, archived: ArchivedCertificate, *, is_new: bool
) -> None:
    name = archived.definition.name
    if is_new:
        await certificates.remove(name)  # one that is damaged
    await certificates.save(archived.definition)
    if archived.pkcs12_password or not is_new:
        await certificates.set_pkcs12_password(name, archived.pkcs12_password)
    if is_new:
        state = CertificateState(renewal=archived.renewal, not_deployed=archived.not_deployed)
        await certificates.change_state(name, CertificateState, lambda _: state)


def _check_settings(home: Home, text: str) -> None:
    if not text:
        return
    with tempfile.TemporaryDirectory(prefix=".settings", dir=home.path) as folder:
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
        with tempfile.TemporaryDirectory(prefix=".settings", dir=home.path) as folder:
            new = Path(folder) / FILE
            new.touch(mode=0o600)  # because settings can hold passwords
            new.write_text(text, "utf-8")
            new.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
