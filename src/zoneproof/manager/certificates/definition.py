"""What a managed certificate is: its names, methods, CA account and key, as people define them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from zoneproof.acme import CertificateKeyKind, GivenCsr, read_csr
from zoneproof.challenges import SOLVERS, dns01, dns_persist01, http01
from zoneproof.challenges.dns01 import DelegationRules
from zoneproof.core.access import read_mode
from zoneproof.core.errors import InvalidInputError, NoDnsMethodError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.issuance import (
    MatchRule,
    check_identifiers,
    check_rules,
    match_identifier,
)
from zoneproof.manager.certificates.files import check_certificate_name
from zoneproof.manager.certificates.task_definition import TaskDefinition, named, secret_fields
from zoneproof.manager.settings import DnsSettings

LISTENER_PORT = 80
_DNS_ONLY = ("provider", "credential", "fields", "zone", "delegation", "ttl")
_HTTP_ONLY = ("webroot", "listen")
_KEY_KINDS: dict[str, CertificateKeyKind] = {kind: kind for kind in get_args(CertificateKeyKind)}
FILE_FORM = ("pkcs12", "combined", "key_group", "key_mode")  # how files are written, and no more
_OF_OUR_KEY = ("key_type", "reuse_key", *FILE_FORM)


class MethodDefinition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An authorization method: which identifiers it validates, and how.

    ``match`` is a domain match rule, ``challenge`` the challenge type: ``dns-01``, ``http-01``,
    ``dns-persist-01``, whose record stays, or ``dns-account-01``, at names of the CA account's own.
    ``delegation`` are CNAME delegation rules, ``ttl`` is in seconds, ``zone`` a zone's id or name
    that wins over detection. ``credential`` names a stored credential; without one, ``provider``
    and its ``fields``, of which none may be secret, say the same. ``webroot`` is a folder; http-01
    without it listens itself, at ``listen`` (``address:port``, ``:80`` if empty).
    """

    match: str = ""
    challenge: str = dns01.TYPE
    provider: str = ""
    credential: str = ""
    fields: dict[str, str] = {}
    zone: str = ""
    delegation: str = ""
    follow_cname: bool = True
    ttl: int | None = None
    propagation: str | int | None = None
    propagation_timeout: float | None = None
    resolvers: tuple[str, ...] | None = None
    webroot: str = ""
    listen: str = ""

    @property
    def dns(self) -> DnsSettings:
        """The method's own DNS settings."""
        return DnsSettings(
            propagation=self.propagation,
            propagation_timeout=self.propagation_timeout,
            resolvers=self.resolvers,
        )

    def check(self) -> None:
        """Raise InvalidInputError for what cannot work, whatever else is stored."""
        MatchRule.parse(self.match)
        DelegationRules.parse(self.delegation)
        self.dns.check()
        if self.challenge not in SOLVERS:
            raise InvalidInputError(
                f"'{self.challenge[:40]}' is not a challenge type: use"
                f" {' or '.join(sorted(SOLVERS))}"
            )
        wrong = _DNS_ONLY if self.challenge == http01.TYPE else _HTTP_ONLY
        if self.challenge == dns_persist01.TYPE:
            wrong = (*wrong, "delegation")
        for name in wrong:
            if getattr(self, name):
                raise InvalidInputError(f"'{name}' does not apply to {self.challenge}: remove it")
        if self.challenge != http01.TYPE:
            self._check_provider()
        elif self.webroot and self.listen:
            raise InvalidInputError("http-01 has either 'webroot' or 'listen': remove one")
        elif self.webroot and not Path(self.webroot).is_absolute():
            raise InvalidInputError(
                f"the webroot '{self.webroot[:200]}' must be an absolute path, because renewals run"
                " in other folders"
            )
        parse_listen(self.listen)
        if self.ttl is not None and not 0 <= self.ttl <= 86_400:
            raise InvalidInputError("ttl must be seconds, from 0 to 86400")

    def _check_provider(self) -> None:
        if bool(self.provider) == bool(self.credential):
            raise InvalidInputError(
                "a method needs a provider or a credential, not both: see 'zoneproof provider "
                "list' and 'zoneproof credential list'"
            )
        if self.credential and self.fields:
            raise InvalidInputError(
                f"the fields come from the credential {self.credential}: change them there with"
                " 'zoneproof credential set'"
            )
        if self.provider:
            for name in secret_fields(self.provider, self.fields):
                raise InvalidInputError(
                    f"the field '{name}' of {self.provider} is secret: store it with 'zoneproof"
                    f" credential add {self.provider}' and name that credential instead"
                )


class CertificateDefinition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A managed certificate.

    ``account`` is a stored CA account's name, a CA's short name or a directory URL; empty is what
    the settings say. ``fallback_accounts`` are tried after repeated failures. The CA must have the
    ``profile``; a ``preferred_profile`` is asked for where it has that. ``renew`` is false for a
    certificate that is kept and not renewed. ``deploy`` are the tasks that are done with it, in
    this order. ``csr`` is a request (PEM) that every order sends,
    whose names are the identifiers and whose key its owner keeps; then nothing can be said about
    the key. ``key_group`` is a group that may read the key, ``key_mode`` the mode of files with it
    (octal), both empty for what the settings say; ``combined`` asks for ``combined.pem``.
    """

    name: str
    identifiers: tuple[str, ...]
    method: tuple[MethodDefinition, ...] = ()
    account: str = ""
    fallback_accounts: tuple[str, ...] = ()
    key_type: CertificateKeyKind = "ec256"
    reuse_key: bool = False
    pkcs12: bool = False
    combined: bool = False
    key_group: str = ""
    key_mode: str = ""
    profile: str = ""
    preferred_profile: str = ""
    preferred_chain: str = ""
    ignore_caa: bool = False
    renew: bool = True
    csr: str = ""
    deploy: tuple[TaskDefinition, ...] = ()

    @property
    def title(self) -> str:
        """Its name, with its identifiers where the name is a domain that is none of them."""
        if "." not in self.name or self.name in self.identifiers:
            return self.name
        return f"{self.name} (for {', '.join(self.identifiers)})"

    @property
    def parsed_identifiers(self) -> tuple[Identifier, ...]:
        """The identifiers. Raises InvalidNameError."""
        return tuple(Identifier.parse(text) for text in self.identifiers)

    @property
    def wanted_profile(self) -> str:
        """The profile to ask for, empty for the CA's default."""
        return self.profile or self.preferred_profile

    @property
    def credentials(self) -> frozenset[str]:
        """The names of the stored credentials that its methods and tasks use."""
        named = {method.credential for method in self.method}
        return frozenset(named.union(task.credential for task in self.deploy) - {""})

    @property
    def standing_records(self) -> tuple[DomainName, ...]:
        """Where TXT records may be that stay, whatever becomes of the certificate."""
        rules = self.rules
        found: dict[DomainName, None] = {}
        for identifier in self.parsed_identifiers:
            index = match_identifier(identifier, rules).index
            if index is not None and self.method[index].challenge == dns_persist01.TYPE:
                found[identifier.domain.child(dns_persist01.LABEL)] = None
        return tuple(found)

    @property
    def fingerprint(self) -> str:
        """What tells it from every definition for which another certificate has to be issued."""
        kept = replace(self, **_usual_of_no_matter())
        return hashlib.sha256(msgspec.json.encode(kept)).hexdigest()[:32]

    @property
    def given_csr(self) -> GivenCsr | None:
        """The request of the key's owner, None where the key is made here.

        Raises InvalidInputError.
        """
        return read_csr(self.csr.encode(), "the CSR") if self.csr else None

    @property
    def rules(self) -> list[MatchRule]:
        """The match rules, in the methods' order. Raises InvalidInputError."""
        return [MatchRule.parse(method.match) for method in self.method]

    def check(self) -> CertificateDefinition:
        """Return the definition with its names as A-labels, and a name for each task.

        Raises InvalidInputError, naming the certificate, for what cannot work whatever the DNS and
        the CA say.
        """
        check_certificate_name(self.name)
        if self.profile and self.preferred_profile:
            raise InvalidInputError(
                f"{self.name}: give either profile, which the CA must have, or preferred_profile, "
                "which is used if the CA has it"
            )
        try:
            identifiers = check_identifiers(self.parsed_identifiers)
            self._check_csr(identifiers)
            read_mode(self.key_mode)
            if self.key_type not in _KEY_KINDS:
                raise InvalidInputError(
                    f"'{self.key_type[:40]}' is not a kind of key: use {', '.join(_KEY_KINDS)}"
                )
            check_methods(identifiers, self.method)
            tasks = named(self.deploy)
            for task in tasks:
                task.check()
        except NoDnsMethodError as error:
            raise NoDnsMethodError(f"{self.name}: {error.message}", error.name) from error
        except InvalidInputError as error:
            raise InvalidInputError(f"{self.name}: {error.message}") from error
        return replace(
            self,
            identifiers=tuple(identifier.value for identifier in identifiers),
            deploy=tasks,
            # The default is left out of the fingerprint where it is that very text.
            key_type=_KEY_KINDS[self.key_type],
        )

    def _check_csr(self, identifiers: Sequence[Identifier]) -> None:
        csr = self.given_csr
        if csr is None:
            return
        if set(csr.identifiers) != set(identifiers):
            raise InvalidInputError(
                f"its names are those of its CSR, {', '.join(map(str, csr.identifiers))}: for"
                " others, give it another CSR with --csr"
            )
        for name, default in of_our_key().items():
            if getattr(self, name) != default:
                raise InvalidInputError(
                    f"'{name}' does not apply to a CSR, whose key its owner keeps: remove it"
                )


@functools.cache
def _usual_of_no_matter() -> Mapping[str, Any]:
    """Return the defaults of the fields for which no other certificate has to be issued."""
    usual = {one.name: one.default for one in msgspec.structs.fields(CertificateDefinition)}
    return {name: usual[name] for name in ("renew", "deploy", *FILE_FORM)}


def of_our_key() -> dict[str, object]:
    """Return the fields about a key that is made here, and the default of each."""
    fields = msgspec.structs.fields(CertificateDefinition)
    return {field.name: field.default for field in fields if field.name in _OF_OUR_KEY}


def check_methods(identifiers: Sequence[Identifier], methods: Sequence[MethodDefinition]) -> None:
    """Raise InvalidInputError if a method is wrong, or an identifier can have none."""
    for method in methods:
        method.check()
    rules = [MatchRule.parse(method.match) for method in methods]
    check_rules(rules)
    for identifier in identifiers:
        found = match_identifier(identifier, rules)
        challenge = http01.TYPE if found.index is None else methods[found.index].challenge
        if challenge == http01.TYPE and identifier.is_wildcard:
            raise NoDnsMethodError(
                f"{identifier} is a wildcard, which http-01 cannot validate: give it a method with"
                " dns-01",
                identifier.domain.text,
            )


def unused_rules(definition: CertificateDefinition) -> list[str]:
    """Return a line for each delegation rule that is about none of the definition's names."""
    domains = {one.domain for one in definition.parsed_identifiers if one.type == "dns"}
    rules = {
        rule
        for method in definition.method
        for rule in DelegationRules.parse(method.delegation).rules
        if not any(rule.matches(domain) for domain in domains)
    }
    return sorted(
        f"{definition.name}: the delegation rule {rule} is about none of its names"
        for rule in rules
    )


def parse_listen(text: str) -> tuple[tuple[str, ...], int]:
    """Read ``address:port``, ``[address]:port``, ``:port`` or nothing: IP addresses and a port.

    No address means all of this machine's. Raises InvalidInputError.
    """
    if not text:
        return (), LISTENER_PORT
    address, separator, port = text.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    try:
        if address:
            ip_address(address)
        number = int(port) if port.isascii() and port.isdigit() and separator else 0
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise InvalidInputError(
            f"'{text[:80]}' is not an address to listen on: write address:port, [address]:port or "
            ":port,"
            " with a port from 1 to 65535"
        )
    return ((address,) if address else ()), number


def default_name(identifiers: Sequence[str]) -> str:
    """Return the name of a certificate that is given none: its first identifier, without ``*.``.

    The colons of an IPv6 address become ``-``. Raises InvalidNameError.
    """
    first = Identifier.parse(identifiers[0]).value
    return first.removeprefix("*.").replace(":", "-").strip("-")
