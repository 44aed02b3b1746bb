"""What a reader returns: accounts, certificates and registrations, whichever client had them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

from zoneproof.acme import KNOWN, AccountKey
from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.text import sanitize
from zoneproof.manager.certificates.definition import default_name
from zoneproof.manager.certificates.files import (
    LONGEST_NAME,
    check_certificate_name,
    is_certificate_name,
)
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.methods import FoundMethod
from zoneproof.migration.reading import unusable
from zoneproof.providers import Registration

T = TypeVar("T")


@dataclass(frozen=True)
class FoundAccount:
    """An ACME account and its key.

    ``account_url`` is empty where the client did not keep one that can be used: the CA tells it
    for the key. ``contact`` are e-mail addresses or ``mailto:`` URLs.
    """

    directory_url: str
    account_url: str
    key: AccountKey
    contact: tuple[str, ...]
    source: Path


@dataclass(frozen=True)
class FoundCertificate:
    """A certificate that the client renewed, in Zoneproof's words.

    ``directory_url`` is empty where the client did not keep it. ``delegation`` are rules as
    :class:`zoneproof.challenges.dns01.DelegationRules` reads them. ``renew`` says whether the
    client renewed it. ``tasks`` are what it did with the certificate; ``key_group`` could read the
    key (``key_mode``). ``notes`` say what could not be carried over, and what to do.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    directory_url: str
    key_type: str  # a zoneproof.acme.csr.CertificateKeyKind
    method: FoundMethod
    source: Path
    delegation: str = ""
    chain_pem: Path | None = None
    private_key: Path | None = None
    reuse_key: bool = False
    preferred_chain: str = ""
    profile: str = ""
    preferred_profile: str = ""
    renew: bool = True
    tasks: tuple[GivenTask, ...] = ()
    key_group: str = ""
    key_mode: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundRegistration:
    """A registration at a challenge service, and the domain (without ``*.``) that it is for."""

    domain: DomainName
    registration: Registration
    source: Path


@dataclass(frozen=True)
class Found:
    """All that was found.

    Of several accounts at one CA the first is the one to take. ``problems`` are files that could
    not be read, one line each; ``notes`` concern no single certificate.
    """

    accounts: tuple[FoundAccount, ...] = ()
    certificates: tuple[FoundCertificate, ...] = ()
    registrations: tuple[FoundRegistration, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Findings:
    """What a reader has found so far."""

    def __init__(self) -> None:
        self.accounts: list[FoundAccount] = []
        self.certificates: list[FoundCertificate] = []
        self.registrations: list[FoundRegistration] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Make a problem of an InvalidInputError, and continue after the block."""
        try:
            yield
        except InvalidInputError as error:
            if error.message not in self.problems:
                self.problems.append(error.message)

    def free_name(self, theirs: str, source: Path) -> tuple[str, str]:
        """Return a certificate's name that none has yet, and a note if it is spelled otherwise.

        It is as ``theirs`` as it can be, with a number after it if that is taken. Raises
        InvalidInputError for what nothing is left of.
        """
        wanted = _possible(theirs)
        try:
            check_certificate_name(wanted)
        except InvalidInputError as error:
            raise unusable(source, error.message) from error
        taken = {certificate.name for certificate in self.certificates}
        tails = (f"-{number}" for number in count(2))
        numbered = (f"{wanted[: LONGEST_NAME - len(tail)]}{tail}" for tail in tails)
        names = chain([wanted], numbered)
        name = next(name for name in names if name not in taken)
        return name, "" if wanted == theirs else f"'{sanitize(theirs)}' is called {name} here"

    def private_ca_note(self, name: str, directory_url: str) -> str:
        """Return what to do for a CA that is perhaps a private one, at its first certificate.

        How it is trusted the client does not keep. Empty for a CA that is known.
        """
        known = {ca.directory_url for ca in KNOWN.values()} | {""}
        if directory_url in known | {one.directory_url for one in self.certificates}:
            return ""
        return (
            f"if {directory_url} is a private CA, give its root once,"
            f" `zoneproof renew {name} --ca-bundle FILE`"
        )

    def found(self) -> Found:
        """Return it all; of what was found twice the first."""
        return Found(
            _distinct(self.accounts, lambda one: (one.directory_url, one.key.thumbprint)),
            tuple(self.certificates),
            _distinct(self.registrations, lambda one: (one.domain, one.registration.server)),
            tuple(self.problems),
            tuple(self.notes),
        )


def _possible(theirs: str) -> str:
    """Return the name as it can be here: in ASCII, with hyphens for what no name has."""
    if is_certificate_name(theirs):
        return theirs
    with suppress(InvalidNameError):
        return default_name([theirs])
    return re.sub(r"[^A-Za-z0-9._-]+|\.{2,}", "-", theirs)[:LONGEST_NAME].strip("-.")


def _distinct(items: Iterable[T], key: Callable[[T], Hashable]) -> tuple[T, ...]:
    kept: dict[Hashable, T] = {}
    for item in items:
        kept.setdefault(key(item), item)
    return tuple(kept.values())
