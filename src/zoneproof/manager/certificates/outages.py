"""What the orders of one run have found to be down, so that the others need not find it out too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from zoneproof.core.errors import (
    AccountPausedError,
    AcmeConnectionError,
    AcmeProblemError,
    HeldUpError,
    ProviderQuotaError,
    ProviderUnavailableError,
    RateLimitedError,
    UserActionRequiredError,
    ZoneproofError,
)
from zoneproof.core.names import Identifier
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.methods import Methods
from zoneproof.providers import Provider

_ENOUGH = 3  # sites that met it, after which it holds for all
_OF_ACCOUNT = RateLimitedError | AccountPausedError | UserActionRequiredError
_OF_PROVIDER = ProviderUnavailableError | ProviderQuotaError


class Needs(msgspec.Struct, frozen=True):
    """What an order needs that others need, too: the CA, the account and providers.

    ``sites`` are the upper two labels of its names, ``failures`` how often it has failed in a row.
    ``aspect`` keeps other questions to the CA apart from orders.
    """

    certificate: str
    account: str
    directory_url: str
    sites: frozenset[str]
    providers: frozenset[Provider] = frozenset()
    failures: int = 0
    aspect: str = ""

    @classmethod
    def of(
        cls,
        definition: CertificateDefinition,
        account: str,
        directory_url: str,
        methods: Methods,
        failures: int,
    ) -> Needs:
        """Return what an order of the certificate from the account needs."""
        return cls(
            definition.name,
            account,
            directory_url,
            sites_of(definition),
            frozenset(one.provider for one in methods.made if one.provider is not None),
            failures,
        )

    @property
    def of_ca(self) -> tuple[object, object]:
        """The account and the CA."""
        return (self.aspect, self.account), (self.aspect, self.directory_url)

    def blamed_for(self, error: ZoneproofError) -> object | None:
        """Return which of the two an error says is down; None if it concerns this order alone."""
        account, ca = self.of_ca
        if isinstance(error, _OF_ACCOUNT):
            return account
        if isinstance(error, AcmeConnectionError):
            return ca
        if isinstance(error, AcmeProblemError) and (
            error.status >= 500 or error.is_type("badNonce")
        ):
            return ca
        return None


def sites_of(definition: CertificateDefinition) -> frozenset[str]:
    """Return the upper two labels of the certificate's names; IP addresses are one site."""
    return frozenset(map(_site, definition.parsed_identifiers))


def _site(identifier: Identifier) -> str:
    return ".".join(identifier.domain.labels[-2:]) if identifier.type == "dns" else "ip"


class _Outage(msgspec.Struct):
    """Something that is down: what ``certificate`` found out first, and at which sites it was met.

    ``failures`` is how often that one has failed in a row by now, ``again_at`` when it tries again.
    """

    certificate: str
    error: ZoneproofError
    failures: int
    sites: set[str] = msgspec.field(default_factory=set)
    again_at: datetime | None = None

    def holds_up(self, needs: Needs) -> bool:
        return len(self.sites) >= _ENOUGH or bool(self.sites & needs.sites)

    def as_met_by(self, needs: Needs) -> ZoneproofError:
        """Return the error for another order that would fail with it, or for the same one."""
        if self.certificate == needs.certificate:
            return self.error
        return HeldUpError(
            f"{self.error.message} ({self.certificate} met this first; the others are tried again"
            " with it)",
            failures=self.failures,
            again_at=self.again_at,
        )


class Outages:
    """What is known to be down in one run.

    A limit or a fault may be about some names only, and nothing but the CA's or the provider's
    words would tell. So what one order meets holds at once for those whose names are of the same
    sites, and for all others only when it was met at three sites and nobody has succeeded since.

    Of a provider that nobody has used in this run yet, the first order of a site finds out whether
    it works, and the others of the site wait.
    """

    def __init__(self) -> None:
        self._known: dict[object, _Outage] = {}
        self._proven: set[Provider] = set()
        self._trials: defaultdict[Provider, dict[str, asyncio.Event]] = defaultdict(dict)

    def require_none(self, needs: Needs) -> None:
        """Raise HeldUpError if another certificate has found out that something is down."""
        for need in (*needs.of_ca, *needs.providers):
            known = self._known.get(need)
            if known and known.certificate != needs.certificate and known.holds_up(needs):
                raise known.as_met_by(needs)

    @contextmanager
    def watching(self, needs: Needs) -> Iterator[None]:
        """Do what needs all that, unless it is known to be down, and learn of the CA from it.

        Raises HeldUpError, also in place of an error that another certificate has met before.
        """
        self.require_none(needs)
        try:
            yield
        except ZoneproofError as error:
            self._learn(needs.blamed_for(error), needs, error)
            raise
        for need in needs.of_ca:
            self._known.pop(need, None)

    def _learn(self, blamed: object | None, needs: Needs, error: ZoneproofError) -> None:
        if blamed is None:
            return
        new = _Outage(needs.certificate, error, needs.failures + 1)
        known = self._known.setdefault(blamed, new)
        known.sites |= needs.sites
        if known.certificate != needs.certificate:
            raise known.as_met_by(needs) from error

    async def admit(self, provider: Provider, needs: Needs) -> None:
        """Wait while others of the same sites find out whether the provider works, or find it out.

        Raises what they met, if it does not. Else :meth:`trying` comes next.
        """
        while True:
            known = self._known.get(provider)
            if known and known.holds_up(needs):
                raise known.as_met_by(needs)
            if provider in self._proven:
                return
            trials = self._trials[provider]
            trial = next((trials[site] for site in needs.sites if site in trials), None)
            if trial is None:
                trials.update(dict.fromkeys(needs.sites, asyncio.Event()))
                return
            await trial.wait()

    @contextmanager
    def trying(self, provider: Provider, needs: Needs) -> Iterator[None]:
        """Use the provider, and learn of it. Raises as :meth:`watching` does."""
        try:
            yield
        except ZoneproofError as error:
            self._proven.discard(provider)
            self._learn(provider if isinstance(error, _OF_PROVIDER) else None, needs, error)
            raise
        else:
            self._proven.add(provider)
            self._known.pop(provider, None)
        finally:
            trials = self._trials[provider]
            for site in needs.sites & trials.keys():
                trials.pop(site).set()

    def remember(self, certificate: str, again_at: datetime | None) -> None:
        """Keep when a certificate tries again, which others with the same trouble wait for."""
        for outage in self._known.values():
            if outage.certificate == certificate:
                outage.again_at = again_at
