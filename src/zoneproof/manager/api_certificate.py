"""Obtains and renews the certificate of the challenge service's API, through its own zone."""

from __future__ import annotations

import itertools
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from zoneproof.acme import key_to_pem
from zoneproof.challengedns.api.certificate import foreign_in, obtained_key_pair
from zoneproof.challengedns.config import AutoTls, Config
from zoneproof.core.errors import (
    AwaitingUserError,
    DamagedDatabaseError,
    StorageError,
    TermsNotAgreedError,
    VaultError,
    ZoneproofError,
)
from zoneproof.core.files import create_private
from zoneproof.core.names import DomainName
from zoneproof.issuance import Event
from zoneproof.issuance.event_texts import describe
from zoneproof.manager.accounts.account import AccountTerms
from zoneproof.manager.certificates.definition import CertificateDefinition, MethodDefinition
from zoneproof.manager.certificates.renew import renew
from zoneproof.manager.certificates.renewal_state import LOOK_EVERY, without_failures
from zoneproof.manager.certificates.state import state_of
from zoneproof.manager.home import Home
from zoneproof.manager.manager import Manager, RunOptions, open_manager
from zoneproof.serving.certificate import KeyPair

_LOOK_SOONEST = 1.0  # seconds
_AFTER_TROUBLE = 60.0
_SELF_SIGNED_DAYS = 3650

_log = logging.getLogger("zoneproof.challengedns.api.certificate")


class ApiCertificate:
    """What the service asks for its API's certificate (the CertificateSource protocol).

    It is the managed certificate of a home of its own, so it is renewed as every other one is.

    The values for the CA go straight into the service's database: its answers hold them as soon as
    that is done, so nothing waits for the DNS.
    """

    def __init__(self, config: Config, auto: AutoTls) -> None:
        self._auto = auto
        self._fields = {"config": str(config.path.absolute())}
        self._name = auto.domains[0].text
        self._home = Home(auto.folder)
        self._is_first_look = True
        self._look_again_after = _AFTER_TROUBLE
        self._in_memory: KeyPair | None = None

    async def prepare(self) -> None:
        """Repair the files.

        A folder that cannot be used, and does not heal by waiting, is moved aside.
        """
        self._look_again_after = _AFTER_TROUBLE
        problem = foreign_in(self._auto.folder)
        if not problem:
            try:
                await self._repair()
            except (DamagedDatabaseError, VaultError) as error:
                problem = error.message
            else:
                return
        self._move_aside(problem)
        await self._repair()

    async def _repair(self) -> None:
        async with open_manager(self._home) as manager:
            manager.files.repair(self._name)

    def _move_aside(self, problem: str) -> None:
        folder = self._auto.folder
        for number in itertools.count(1):
            aside = folder.with_name(f"{folder.name}.unusable-{number}")
            if not os.path.lexists(aside):
                break
        try:
            folder.rename(aside)
        except OSError as error:
            raise StorageError(
                f"{problem}, and {folder} cannot be moved aside: {error.strerror}; give it to the"
                " service's user with 'chown -R'"
            ) from error
        _log.error("%s: moved %s to %s, and obtaining another certificate", problem, folder, aside)

    def key_pair(self) -> KeyPair:
        """Return the files of the certificate, or of an untrusted one until there is one."""
        pair = obtained_key_pair(self._auto)
        if pair.is_usable:
            return pair
        own = KeyPair(
            self._auto.folder / "self-signed/cert.pem",
            self._auto.folder / "self-signed/key.pem",
            is_self_signed=True,
        )
        if own.is_usable:
            return own
        certificate, key = _self_signed(self._auto.domains)
        try:
            _write(own, certificate, key)
        except OSError:  # a full disk, or a folder that is not ours
            self._in_memory = self._in_memory or _keep_in_memory(certificate + key)
            return self._in_memory
        return own

    async def renew_if_due(self) -> bool:
        """Obtain a certificate if there is none, for other names, or it is time to renew it."""
        terms = AccountTerms(self._auto.email, self._auto.agree_tos, ca_bundle=self._auto.ca_bundle)
        async with open_manager(self._home, RunOptions(terms=terms)) as manager:
            await self._define(manager)
            (result,) = await renew(manager, lambda _: _tell, names=(self._name,))
        now = datetime.now(UTC)
        until = [(moment - now).total_seconds() for moment in result.look_again_at if moment]
        if result.error:
            self._look_again_after = max(_AFTER_TROUBLE, min(until, default=0.0))
        else:
            soon = min(until, default=LOOK_EVERY.total_seconds())
            self._look_again_after = min(max(soon, _LOOK_SOONEST), LOOK_EVERY.total_seconds())
        if isinstance(result.error, TermsNotAgreedError):
            remedy = "write 'acme_agree_tos = true' in [api]"
            raise result.error.with_remedy(remedy) from result.error
        if isinstance(result.error, AwaitingUserError):
            # The CNAMEs for which a person would be asked are this service's own.
            raise ZoneproofError(
                "the DNS does not lead to this service yet: 'zoneproof challenge serve --check'"
                " shows which records are missing"
            ) from result.error
        if result.error:
            raise result.error
        return result.result == "renewed"

    def look_again_after(self) -> float:
        """Return the seconds until it is time to renew, or to ask the CA again when that is."""
        return self._look_again_after

    async def _define(self, manager: Manager) -> None:
        definition = CertificateDefinition(
            name=self._name,
            identifiers=tuple(domain.text for domain in self._auto.domains),
            method=(
                MethodDefinition(
                    provider="challenge",
                    fields=self._fields,
                    propagation=0,
                    resolvers=self._auto.resolvers,
                ),
            ),
            account=self._auto.directory,
        )
        found = await manager.certificates.find(self._name)
        if found is None or found.definition != definition:
            await manager.certificates.save(definition)
        if found and self._is_first_look:  # whoever restarts the service wants it tried now
            again = without_failures(state_of(found).renewal)
            await manager.states.set_renewal(self._name, again)
        self._is_first_look = False


def _tell(event: Event) -> None:
    text = describe(event)
    if text:
        _log.info("certificate of the API: %s", text)


def _self_signed(domains: tuple[DomainName, ...]) -> tuple[bytes, bytes]:
    """Return an untrusted certificate, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not issued yet")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(domain.text) for domain in domains]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), key_to_pem(key)


def _write(pair: KeyPair, certificate: bytes, key: bytes) -> None:
    pair.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, data in ((pair.certificate, certificate), (pair.key, key)):
        path.unlink(missing_ok=True)
        create_private(path, data)


def _keep_in_memory(pem: bytes) -> KeyPair:
    descriptor = os.memfd_create("zoneproof-self-signed")  # open as long as this process lives
    os.write(descriptor, pem)
    path = Path(f"/proc/self/fd/{descriptor}")
    return KeyPair(path, path, is_self_signed=True)
