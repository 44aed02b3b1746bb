"""What an archive of a home holds, and how what it holds differs from another home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import msgspec

from zoneproof import __version__
from zoneproof.acme import AccountKey, find_ca, key_from_pem, parse_chain, read_csr
from zoneproof.acme.http import check_url
from zoneproof.acme.problems import UNREADABLE
from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.core.secretive import Secretive
from zoneproof.core.text import sanitize
from zoneproof.core.toml import complaint
from zoneproof.issuance import Issued
from zoneproof.manager.accounts.account import StoredAccount
from zoneproof.manager.accounts.store import check_account_name
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.definition_file import describe_changes
from zoneproof.manager.certificates.deployment_state import Deployed, NotDeployed
from zoneproof.manager.certificates.renewal_state import Moment, RenewalState
from zoneproof.manager.credentials.store import Credential, check_credential_name
from zoneproof.manager.settings import DnsSettings
from zoneproof.providers import Registration


class _Secretive(Secretive, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ArchivedFiles(_Secretive, frozen=True):
    """A certificate with its chain, and its key or its owner's request (CSR), as PEM."""

    fullchain: str
    private_key: str = ""
    csr: str = ""

    @property
    def issued(self) -> Issued:
        """The same, parsed. Raises AcmeError and ValueError."""
        chain = parse_chain(self.fullchain.encode(), "the archive")
        if self.csr and not self.private_key:
            csr = read_csr(self.csr.encode(), "the CSR")
            chain.require_public_key(csr.public_key)
            return Issued(chain, None, csr)
        chain.require_key(key_from_pem(self.private_key.encode()))
        return Issued(chain, self.private_key.encode())


class ArchivedCertificate(_Secretive, frozen=True):
    """A definition, and what is known of its renewal and of its deployment.

    Orders that are under way, and so what they await, belong to the home that placed them.
    ``credentials`` are those that it uses and the archive does not have, with what they are for.
    """

    definition: CertificateDefinition
    renewal: RenewalState = RenewalState()
    deployed: dict[str, Deployed] = msgspec.field(default_factory=dict)
    not_deployed: dict[str, NotDeployed] = msgspec.field(default_factory=dict)
    pkcs12_password: str = ""
    files: ArchivedFiles | None = None
    credentials: dict[str, str] = msgspec.field(default_factory=dict)


class ArchivedCredential(_Secretive, frozen=True):
    """A stored credential, its fields in clear."""

    name: str
    provider: str
    fields: dict[str, str]
    dns: DnsSettings = DnsSettings()
    expires: date | None = None

    @classmethod
    def of(cls, credential: Credential) -> ArchivedCredential:
        """Return what an archive holds of a stored credential."""
        return msgspec.convert(credential, cls, from_attributes=True)

    def credential(self) -> Credential:
        """Return it as it is stored."""
        return Credential(self.name, self.provider, self.fields, self.dns, self.expires)


class ArchivedAccount(_Secretive, frozen=True):
    """A stored CA account; keys are PEM, ``ca_bundle`` is a path on the machine that wrote it."""

    name: str
    directory_url: str
    account_url: str
    key: str
    next_key: str = ""
    contact: tuple[str, ...] = ()
    ca_bundle: str = ""
    allow_http: bool = False

    @classmethod
    def of(cls, account: StoredAccount) -> ArchivedAccount:
        """Return what an archive holds of a stored account."""
        return cls(
            name=account.name,
            directory_url=account.directory_url,
            account_url=account.account_url,
            key=account.key.to_pem().decode(),
            next_key=account.next_key.to_pem().decode() if account.next_key else "",
            contact=account.contact,
            ca_bundle=str(account.ca_bundle or ""),
            allow_http=account.allow_http,
        )


class ArchivedRegistration(_Secretive, frozen=True):
    """A registration at a challenge service, and the domain that it is for."""

    domain: str
    server: str
    fulldomain: str
    subdomain: str
    username: str
    password: str

    @classmethod
    def of(cls, domain: DomainName, one: Registration) -> ArchivedRegistration:
        """Return what an archive holds of a registration."""
        return cls(
            domain=domain.text,
            server=one.server,
            fulldomain=one.fulldomain.text,
            subdomain=one.subdomain,
            username=one.username,
            password=one.password,
        )

    @property
    def registration(self) -> Registration:
        """The registration. Raises InvalidNameError."""
        return Registration(
            self.server,
            DomainName.parse(self.fulldomain),
            self.subdomain,
            self.username,
            self.password,
        )


class Archive(_Secretive, frozen=True):
    """All of a home that can be moved; ``settings`` is the text of ``settings.toml``."""

    written_by: str = __version__
    written_at: Moment | None = None
    settings: str = ""
    certificates: tuple[ArchivedCertificate, ...] = ()
    credentials: tuple[ArchivedCredential, ...] = ()
    accounts: tuple[ArchivedAccount, ...] = ()
    registrations: tuple[ArchivedRegistration, ...] = ()


def of_registrations(found: Iterable[tuple[DomainName, Registration]]) -> Archive:
    """Return an archive of registrations alone."""
    return Archive(registrations=tuple(ArchivedRegistration.of(*one) for one in found))


def decode(document: bytes, where: str) -> Archive:
    """Read the document of an archive. Raises InvalidInputError, which shows no secret."""
    try:
        archive = msgspec.json.decode(document, type=Archive)
    except UNREADABLE as error:
        reason = str(error)
        if isinstance(error, msgspec.ValidationError):
            reason = complaint(error, Archive, table="an object")
        raise InvalidInputError(
            f"{where} holds something that this Zoneproof does not know "
            f"({sanitize(reason, limit=200)}): a"
            " newer one wrote it; update Zoneproof"
        ) from error
    _check(archive, where)
    return archive


def _check(archive: Archive, where: str) -> None:
    """Raise InvalidInputError for what could not be stored, before anything is."""
    subject = ""
    try:
        for one in archive.certificates:
            subject = one.definition.name
            one.definition.check()
            if one.files:
                _ = one.files.issued
        for credential in archive.credentials:
            subject = check_credential_name(credential.name)
            credential.dns.check()
        for account in archive.accounts:
            subject = check_account_name(account.name, find_ca(account.directory_url))
            for url in filter(None, (account.directory_url, account.account_url)):
                check_url(url, allow_http=account.allow_http)
            for key in filter(None, (account.key, account.next_key)):
                AccountKey.from_pem(key.encode())
        for registration in archive.registrations:
            subject = registration.domain
            _ = DomainName.parse(registration.domain), registration.registration.check()
        for (kind, name), count in Counter(key for key, _ in _things(archive)).items():
            if count > 1:
                subject = name
                raise InvalidInputError(f"there are {count} of this {kind}")
    except (ZoneproofError, ValueError) as error:
        reason = error.message if isinstance(error, ZoneproofError) else "it cannot be read"
        raise InvalidInputError(
            f"{where}: {subject[:80]}: {reason}; nothing was changed"
        ) from error


@dataclass(frozen=True)
class Item:
    """One thing of an archive, compared with a home.

    ``kind`` is ``settings``, ``credential``, ``account``, ``registration``, ``certificate`` or
    ``files``; ``status`` is ``new``, ``same`` or ``differs``. ``lines`` say how a definition
    differs.
    """

    kind: str
    name: str
    status: str
    lines: tuple[str, ...] = ()


def compare(archive: Archive, present: Archive) -> list[Item]:
    """Return everything that the archive holds, and whether the home has it."""
    there = dict(_things(present))
    statuses: dict[tuple[str, str], str] = {}
    items = []
    for key, thing in _things(archive):
        kind, name = key
        other = there.get(key)
        status = "new" if other is None else "same" if thing == other else "differs"
        if kind == "files" and status == "new":
            # A certificate goes with its definition: where that stays, so does what is on disk.
            status = {"differs": "differs"}.get(statuses["certificate", name], "new")
        lines: tuple[str, ...] = ()
        if isinstance(thing, _Defined) and isinstance(other, _Defined):
            lines = tuple(describe_changes(other.definition, thing.definition))
        statuses[key] = status
        items.append(Item(kind, name, status, lines))
    return items


@dataclass(frozen=True)
class _Defined:
    definition: CertificateDefinition
    pkcs12_password: str = field(repr=False)


def _things(archive: Archive) -> Iterable[tuple[tuple[str, str], object]]:
    if archive.settings:
        yield ("settings", "settings.toml"), archive.settings
    for credential in archive.credentials:
        yield ("credential", credential.name), credential
    for account in archive.accounts:
        yield ("account", account.name), account
    for one in archive.registrations:
        yield ("registration", f"{one.domain} at {one.server}"), one
    for certificate in archive.certificates:
        name = certificate.definition.name
        yield ("certificate", name), _Defined(certificate.definition, certificate.pkcs12_password)
        if certificate.files:
            yield ("files", name), certificate.files


def count_items(archive: Archive) -> dict[str, int]:
    """Return how many things the archive holds, by their kind."""
    return dict(Counter(kind for (kind, _), _ in _things(archive)))
