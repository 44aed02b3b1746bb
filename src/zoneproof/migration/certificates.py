"""Single certificates for elsewhere: as archive, PEM or PKCS #12, and what they lack there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from zoneproof.acme import CertificateChain, parse_chain
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import read_file
from zoneproof.core.secretive import Secretive
from zoneproof.deployment.parts import combined, pkcs12_file
from zoneproof.manager.certificates.checks import key_access
from zoneproof.manager.manager import Manager
from zoneproof.migration.archive import Archive, ArchivedCertificate, Item
from zoneproof.migration.move import Collected, read_certificate, read_files
from zoneproof.storage import Transaction

Form = Literal["pem", "pkcs12"]


async def collect_certificates(manager: Manager, names: Sequence[str]) -> Collected:
    """Read certificates with their definitions, keys and chains, and with nothing that they share.

    Credentials are only named, because they may open more than these certificates need. What was
    done with a certificate here was not done where the archive is taken. Raises InvalidInputError
    for one that there is not, StorageError and VaultError.
    """

    def read(tx: Transaction) -> list[ArchivedCertificate]:
        found = {}
        for name in names:
            one = manager.certificates.get.within(tx, name)
            archived = read_certificate(tx, manager, one)
            used = {
                credential.name: credential.provider
                for wanted in sorted(one.definition.credentials)
                if (credential := manager.credentials.find.within(tx, wanted))
            }
            found[one.name] = replace(archived, deployed={}, not_deployed={}, credentials=used)
        return list(found.values())

    problems, certificates = [], []
    for one in await manager.store.read(read):
        files, problem = read_files(manager.files, one.definition.name)
        certificates.append(replace(one, files=files))
        if problem:
            problems.append(f"the files of {one.definition.name}: {problem}")
    archive = Archive(
        written_at=datetime.now(UTC).replace(microsecond=0), certificates=tuple(certificates)
    )
    return Collected(archive, tuple(problems))


class CertificateFile(Secretive, frozen=True):
    """A certificate to be written to one file. ``key`` (PEM) is None if its owner keeps it."""

    name: str
    chain: CertificateChain
    key: bytes | None

    def pem(self) -> bytes:
        """Return the key, if there is one, and the chain."""
        return combined(self.key, self.chain.pem) if self.key else self.chain.pem

    def require_key(self) -> bytes:
        """Return the key. Raises InvalidInputError if there is none."""
        if self.key is None:
            raise InvalidInputError(
                f"the key of {self.name} stays with its owner, so there is none for a PKCS #12"
                " file: use --format pem"
            )
        return self.key

    def pkcs12(self, password: str) -> bytes:
        """Return all of it, sealed with the password. Raises InvalidInputError without a key."""
        key = self.require_key()
        return pkcs12_file(self.name, self.chain, key, password.encode(), legacy=False)


async def read_file_of(manager: Manager, name: str) -> CertificateFile:
    """Return what is there of a certificate.

    Raises InvalidInputError if there is nothing to export, and StorageError.
    """
    name = (await manager.certificates.get(name)).name
    problem = manager.files.read(name).problem
    if problem:
        raise InvalidInputError(f"{name} cannot be exported: {problem}")
    chain = parse_chain(read_file(manager.files.live(name) / "fullchain.pem"), name)
    return CertificateFile(name, chain, manager.files.private_key(name))


async def lacking(manager: Manager, archive: Archive, items: Collection[Item]) -> list[str]:
    """Return a line for each thing that certificates among the ``items`` need and this home lacks.

    What else the items bring counts as here. Raises StorageError and VaultError.
    """
    coming = {(item.kind, item.name) for item in items}
    known = {*await manager.credentials.revisions(), *(one.name for one in archive.credentials)}
    accounts = {one.name: one.directory_url for one in archive.accounts}
    lines = []
    for one in archive.certificates:
        definition = one.definition
        if ("certificate", definition.name) not in coming:
            continue
        for credential in sorted(definition.credentials - known):
            kind = one.credentials.get(credential, "PROVIDER")
            lines.append(
                f"{definition.name} lacks the credential {credential}: 'zoneproof credential add"
                f" {kind} --name {credential}'"
            )
        _, problems = await manager.checks.account_problems(definition, accounts)
        try:
            key_access(definition, manager.settings)
        except InvalidInputError as error:
            problems.append(f"{error.message}: create it, and import again")
        lines += [f"{definition.name}: {problem}" for problem in problems]
        if not archive.accounts and not archive.settings:  # a home brings its own
            lines += [
                f"{definition.name} lacks the account {account}: '{command}'"
                for account, command in (await manager.checks.unregistered([definition])).items()
            ]
    return list(dict.fromkeys(lines))
