"""The ACME client: accounts, orders, certificates, one method for each thing that a CA can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cryptography import x509

from zoneproof.acme import accounts, certificates
from zoneproof.acme.ari import RenewalInfo
from zoneproof.acme.certificates import CertificateChain
from zoneproof.acme.csr import CertificateKey
from zoneproof.acme.jws import POST_AS_GET, ExternalAccountBinding, Signer
from zoneproof.acme.keys import AccountKey, base64url
from zoneproof.acme.messages import (
    Account,
    Authorization,
    Challenge,
    Directory,
    Order,
    parse_account,
    parse_authorization,
    parse_challenge,
    parse_order,
)
from zoneproof.acme.orders import fetch_authorizations, wait_for_order
from zoneproof.acme.transport import Retries, Session
from zoneproof.core.aio import Closing, all_of
from zoneproof.core.connections import Connect
from zoneproof.core.errors import AcmeProblemError, RateLimitedError
from zoneproof.core.http import Now, Sleep, utc_now
from zoneproof.core.names import Identifier

REQUEST_SECONDS = 30.0
ORDER_SECONDS = 600.0
# What a CA says when it does not like the certificate that an order would replace: another
# account's, one that it does not know, one that is replaced already. Pebble now and then does not
# find the order of its own certificate, and says that this is its fault.
# RFC 9773 asks for alreadyReplaced; drafts and CAs that follow them say conflict.
_REPLACES_REFUSED = ("alreadyReplaced", "conflict", "malformed", "unauthorized", "serverInternal")


class AcmeClient(Closing):
    """A client for one CA and one account key; an async context manager.

    ``ca_bundle`` is a PEM file of the only roots to trust, ``allow_http`` lets http URLs through
    as long as they lead to this machine. At most ``concurrency`` requests run at a time, each for
    at most ``request_seconds``, and once more if there was no answer by then. ``now``, ``sleep``
    and ``transport`` are for tests.

    Every method raises AcmeProblemError when the CA refuses and AcmeConnectionError when it does
    not answer, after it was asked a few times.
    """

    def __init__(
        self,
        directory_url: str,
        key: AccountKey,
        *,
        ca_bundle: Path | None = None,
        allow_http: bool = False,
        concurrency: int = 10,
        request_seconds: float = REQUEST_SECONDS,
        now: Now = utc_now,
        sleep: Sleep = asyncio.sleep,
        connect: Connect | None = None,
    ) -> None:
        self._session = Session(
            directory_url,
            key,
            ca_bundle=ca_bundle,
            allow_http=allow_http,
            concurrency=concurrency,
            request_seconds=request_seconds,
            retries=Retries(directory_url, now, sleep),
            connect=connect,
        )

    @property
    def directory_url(self) -> str:
        """The URL that the CA is known by."""
        return self._session.directory_url

    @property
    def key(self) -> AccountKey:
        """The account's key; another one after :meth:`roll_over_key`."""
        return self._session.key

    @property
    def account_url(self) -> str:
        """The account's URL, empty while none is in use."""
        return self._session.account_url

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def directory(self) -> Directory:
        """Return the CA's directory, fetched once (RFC 8555 section 7.1.1)."""
        return await self._session.directory()

    # --- accounts (RFC 8555 section 7.3) ---------------------------------------------------------

    async def register(
        self,
        contact: Sequence[str] = (),
        *,
        agree_to_terms: bool = False,
        eab: ExternalAccountBinding | None = None,
    ) -> Account:
        """Create the key's account, or return the one that it has, and use it from now on.

        ``contact`` are e-mail addresses or ``mailto:`` URLs. Where the CA needs an external
        account binding and hands it out by e-mail address (ZeroSSL), it is fetched when none is
        given. Raises TermsNotAgreedError if there are terms of service and ``agree_to_terms`` is
        not set, InvalidInputError if a binding is needed.
        """
        return await accounts.register(
            self._session, contact, agree_to_terms=agree_to_terms, binding=eab
        )

    async def find_account(self) -> Account:
        """Return the key's account and use it; AcmeProblemError accountDoesNotExist if none."""
        return await accounts.new_account(self._session, {"onlyReturnExisting": True})

    def use_account(self, url: str) -> None:
        """Use the account with this URL, which must be the key's; nothing is asked."""
        self._session.use_account(url)

    async def account(self) -> Account:
        """Return the account as the CA has it now."""
        return await self._ask_account(POST_AS_GET)

    async def update_contact(self, contact: Sequence[str]) -> Account:
        """Replace the account's contacts, e-mail addresses or ``mailto:`` URLs; none is fine."""
        return await self._ask_account({"contact": accounts.contact_urls(contact)})

    async def deactivate_account(self) -> Account:
        """Close the account for good (section 7.3.6)."""
        # A repeated request would be refused as that of a closed account.
        return await self._ask_account({"status": "deactivated"}, repeatable=False)

    async def _ask_account(
        self, payload: dict[str, Any] | bytes, *, repeatable: bool = True
    ) -> Account:
        url = self._session.required_account_url()
        reply = await self._session.post(url, payload, repeatable=repeatable)
        return parse_account(reply.body, url)

    async def roll_over_key(self, new_key: AccountKey) -> None:
        """Give the account a new key and use it (section 7.3.5). Store the new key before.

        Whatever the CA replied, it is asked whose the new key is. Raises AcmeError if the account
        still has its old key, which then stays in use.
        """
        await accounts.roll_over_key(self._session, new_key)

    # --- orders (section 7.4) --------------------------------------------------------------------

    async def new_order(
        self,
        identifiers: Iterable[Identifier],
        *,
        profile: str | None = None,
        replaces: str | None = None,
    ) -> Order:
        """Order a certificate for the identifiers.

        ``replaces`` is the :func:`~zoneproof.acme.cert_id` of the certificate that this one is
        for; it is omitted where the CA does not take it (RFC 9773 section 5). Raises
        InvalidInputError, before anything is ordered, for a profile that the CA does not have.
        """
        directory = await self.directory()
        payload: dict[str, Any] = {
            "identifiers": [{"type": one.type, "value": one.value} for one in identifiers]
        }
        if profile:
            directory.check_profile(profile)
            payload["profile"] = profile
        if replaces and directory.renewal_info:
            try:
                return await self._new_order(directory, {**payload, "replaces": replaces})
            except AcmeProblemError as error:
                refused = error.status == HTTPStatus.CONFLICT or any(
                    error.is_type(name) for name in _REPLACES_REFUSED
                )
                if error.retry_at or not refused:
                    raise
        return await self._new_order(directory, payload)

    async def _new_order(self, directory: Directory, payload: dict[str, Any]) -> Order:
        # Repeated after a lost connection, this may leave a second pending order behind. That
        # costs nothing but one of hundreds that the limits allow, and expires by itself.
        reply = await self._session.post(directory.new_order, payload)
        return parse_order(reply.body, self._session.location_of(reply))

    async def fetch_order(self, url: str) -> Order:
        """Return the order as it is now."""
        return parse_order((await self._session.post(url)).body, url)

    async def authorizations(self, order: Order) -> list[Authorization]:
        """Return the order's authorizations, in its order, fetched at once (section 7.5)."""
        return await fetch_authorizations(self._session, order)

    async def deactivate_authorization(self, authorization: Authorization) -> Authorization:
        """Give up the authorization, and with it orders that wait for it (section 7.5.2)."""
        reply = await self._session.post(authorization.url, {"status": "deactivated"})
        return parse_authorization(reply.body, authorization.url)

    async def answer(self, challenges: Iterable[Challenge]) -> list[Challenge]:
        """Tell the CA, all at once, that the challenges are ready (section 7.5.1).

        Those that it has looked at already are left alone, so that this can be repeated.
        """
        return await all_of(self._answer(challenge) for challenge in challenges)

    async def _answer(self, challenge: Challenge) -> Challenge:
        if challenge.status != "pending":
            return challenge
        try:
            reply = await self._session.post(challenge.url, {})
        except RateLimitedError:
            raise
        except AcmeProblemError:
            # An answer that is repeated, after a lost connection or a restart, may be refused.
            current = parse_challenge((await self._session.post(challenge.url)).body, challenge.url)
            if current.status == "pending":
                raise
            return current
        return parse_challenge(reply.body, challenge.url)

    async def wait_for_order(
        self,
        order: Order,
        *,
        until: Sequence[str] = ("ready", "valid"),
        deadline_seconds: float = ORDER_SECONDS,
        on_poll: Callable[[Order], None] | None = None,
    ) -> Order:
        """Poll the order until its status is one of ``until``; ``on_poll`` sees each reply.

        Raises OrderFailedError, naming the failing identifiers, when it becomes invalid, and
        AcmeError when the deadline passes: the order itself stays open then.
        """
        return await wait_for_order(
            self._session, order, until, deadline_seconds=deadline_seconds, on_poll=on_poll
        )

    async def finalize(
        self,
        order: Order,
        csr_der: bytes,
        *,
        deadline_seconds: float = ORDER_SECONDS,
        on_poll: Callable[[Order], None] | None = None,
    ) -> Order:
        """Send the signing request for a ready order and wait until the order is valid.

        An order that was finalized before, even if the reply was lost, continues from there. Raises
        what :meth:`wait_for_order` raises.
        """
        if order.status not in {"processing", "valid"}:
            order = await self._finalize(order, csr_der)
        return await self.wait_for_order(
            order, until=("valid",), deadline_seconds=deadline_seconds, on_poll=on_poll
        )

    async def _finalize(self, order: Order, csr_der: bytes) -> Order:
        try:
            reply = await self._session.post(order.finalize, {"csr": base64url(csr_der)})
        except RateLimitedError:
            raise
        except AcmeProblemError:
            current = await self.fetch_order(order.url)
            if current.status in {"pending", "ready"}:
                raise
            return current
        return parse_order(reply.body, order.url)

    # --- certificates (sections 7.4.2 and 7.6) ---------------------------------------------------

    async def certificate(self, order: Order, *, preferred_chain: str = "") -> CertificateChain:
        """Return the certificate of a valid order, with its chain.

        ``preferred_chain`` is the common name of a root: of the chains that the CA offers, the
        first one whose topmost certificate it issued is taken, and the default if there is none.
        Raises AcmeError if an ordered identifier is missing or the certificate has expired. The
        caller holds the key, and checks it with :meth:`CertificateChain.require_key`.
        """
        return await certificates.fetch(self._session, order, preferred_chain=preferred_chain)

    async def revoke(
        self,
        certificate: x509.Certificate,
        *,
        reason: int | None = None,
        certificate_key: CertificateKey | None = None,
    ) -> None:
        """Revoke a certificate, as its account or with its own key. Twice is fine.

        ``reason`` is a code of RFC 5280 section 5.3.1: 1 keyCompromise, 3 affiliationChanged,
        4 superseded, 5 cessationOfOperation; none means unspecified. Raises InvalidInputError.
        """
        signer = Signer(AccountKey(certificate_key)) if certificate_key else None
        await certificates.revoke(self._session, certificate, reason=reason, signer=signer)

    async def renewal_info(self, certificate: x509.Certificate) -> RenewalInfo | None:
        """Ask when to renew the certificate (RFC 9773); None if the CA does not say for any.

        The request is not signed. Raises AcmeError when there is no usable answer.
        """
        return await certificates.renewal_info(self._session, certificate)
