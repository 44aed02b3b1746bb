"""Single certificates for elsewhere: as archive, PEM or PKCS #12, and what they lack there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from zoneproof.acme import parse_chain
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import read_file
from zoneproof.deployment.parts import combined, pkcs12_file
from zoneproof.manager.manager import Manager
from zoneproof.manager.methods import key_access
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
            found[one.name] = msgspec.structs.replace(
                archived, deployed={}, not_deployed={}, credentials=used
            )
        return list(found.values())

    problems, certificates = [], []
    for one in await manager.store.read(read):
        files, problem = read_files(manager.files, one.definition.name)
        certificates.append(msgspec.structs.replace(one, files=files))
        if problem:
            problems.append(f"the files of {one.definition.name}: {problem}")
    archive = Archive(
        written_at=datetime.now(UTC).replace(microsecond=0), certificates=tuple(certificates)
    )
    return Collected(archive, tuple(problems))


async def export_file(manager: Manager, name: str, form: Form, password: str) -> bytes:
    """Return a certificate with its key and chain in one file; only PKCS #12 has a password.

    PEM of a certificate whose key its owner keeps has no key. Raises InvalidInputError if there is
    nothing to export, and StorageError.
    """
    name = (await manager.certificates.get(name)).name
    problem = manager.files.read(name).problem
    if problem:
        raise InvalidInputError(f"{name} cannot be exported: {problem}")
    chain = parse_chain(read_file(manager.files.live(name) / "fullchain.pem"), name)
    key = manager.files.private_key(name)
    if form == "pem":
        return combined(key, chain.pem) if key else chain.pem
    if key is None:
        raise InvalidInputError(
            f"the key of {name} stays with its owner, so there is none for a PKCS #12 file: use"
            " --format pem"
        )
    return pkcs12_file(name, chain, key, password.encode(), legacy=False)


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
    return list(dict.fromkeys(lines))
