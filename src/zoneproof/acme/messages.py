"""The objects of ACME: directory, accounts, orders, challenges (RFC 8555 section 7.1). No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

import msgspec

from zoneproof.acme.http import ca_at, check_url
from zoneproof.acme.keys import check_token
from zoneproof.acme.problems import UNREADABLE, ProblemDocument, WireProblem
from zoneproof.core.errors import (
    AcmeConnectionError,
    InvalidInputError,
    InvalidNameError,
    TermsNotAgreedError,
)
from zoneproof.core.names import Identifier
from zoneproof.core.text import sanitize

T = TypeVar("T")
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
_Word = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[A-Za-z0-9_.-]*\Z")]
_Names = Annotated[list[str], msgspec.Meta(max_length=100)]
_MOST_IN_AN_ORDER = 1000
# RFC 8555 section 7.1.6; any other status would be waited for until the deadline.
_OrderStatus = Literal["pending", "ready", "processing", "valid", "invalid"]
_AuthorizationStatus = Literal["pending", "valid", "invalid", "deactivated", "expired", "revoked"]


class Account(msgspec.Struct, frozen=True):
    """An account at a CA. ``url`` names it in every later request; ``status`` is ``valid``."""

    url: str
    status: str
    contact: tuple[str, ...] = ()


class Challenge(msgspec.Struct, frozen=True):
    """One way to validate an identifier; ``token`` is empty for types that have none.

    ``issuer_domain_names`` are the CA's names for a record (draft-ietf-acme-dns-persist section
    3.1); other types have none.
    """

    type: str
    url: str
    status: str
    token: str = ""
    error: ProblemDocument | None = None
    issuer_domain_names: tuple[str, ...] = ()


class Authorization(msgspec.Struct, frozen=True):
    """The CA's view of one identifier, which has its ``*.`` here if it was ordered with one."""

    url: str
    identifier: Identifier
    status: str
    challenges: tuple[Challenge, ...]
    expires: datetime | None = None


class Order(msgspec.Struct, frozen=True):
    """An order (RFC 8555 section 7.1.3). ``certificate`` is its URL, empty until it is valid.

    ``status`` goes from ``pending`` over ``ready`` and ``processing`` to ``valid``, or ends as
    ``invalid``.
    """

    url: str
    status: str
    identifiers: tuple[Identifier, ...]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str = ""
    expires: datetime | None = None
    error: ProblemDocument | None = None
    profile: str = ""


class _WireAccount(msgspec.Struct):
    status: _Word = "valid"
    contact: list[str] | None = None


class _WireIdentifier(msgspec.Struct):
    type: _Word
    value: str


class _WireChallenge(msgspec.Struct):
    type: _Word
    url: Url
    status: _Word = "pending"
    token: str | None = None
    error: WireProblem | None = None
    issuer_domain_names: _Names | None = msgspec.field(default=None, name="issuerDomainNames")
    # So it was called in the first drafts.
    issuer_names: _Names | None = msgspec.field(default=None, name="issuer-domain-names")


class _WireAuthorization(msgspec.Struct):
    identifier: _WireIdentifier
    status: _AuthorizationStatus
    challenges: list[_WireChallenge] | None = None
    expires: str | None = None
    wildcard: bool | None = None


class _WireOrder(msgspec.Struct):
    status: _OrderStatus
    finalize: Url
    identifiers: Annotated[list[_WireIdentifier], msgspec.Meta(max_length=_MOST_IN_AN_ORDER)]
    authorizations: Annotated[list[Url], msgspec.Meta(max_length=_MOST_IN_AN_ORDER)]
    certificate: Url | None = None
    expires: str | None = None
    error: WireProblem | None = None
    profile: str | None = None


def decode(body: bytes, form: type[T], what: str, url: str) -> T:
    """Read JSON into the form. Raises AcmeConnectionError naming ``what`` and the URL's host."""
    try:
        return msgspec.json.decode(body, type=form)
    except UNREADABLE as error:
        raise not_acme(what, url, sanitize(str(error), limit=200)) from error


def not_acme(what: str, url: str, reason: str) -> AcmeConnectionError:
    """Return the error for a reply that is not what the RFC says."""
    return AcmeConnectionError(
        f"{ca_at(url)} sent {what} that cannot be read ({reason}): is this an ACME server?"
    )


def parse_account(body: bytes, url: str) -> Account:
    """Read an account; ``url`` is its own, from the Location header."""
    wire = decode(body, _WireAccount, "an account", url)
    return Account(
        url, wire.status, tuple(sanitize(text, limit=500) for text in wire.contact or ())
    )


def parse_order(body: bytes, url: str) -> Order:
    """Read an order; ``url`` is its own, from the Location header or the request."""
    wire = decode(body, _WireOrder, "an order", url)
    return Order(
        url=url,
        status=wire.status,
        identifiers=tuple(_identifier(item, "an order", url) for item in wire.identifiers),
        authorizations=tuple(wire.authorizations),
        finalize=wire.finalize,
        certificate=wire.certificate or "",
        expires=_moment(wire.expires),
        error=wire.error.read() if wire.error else None,
        profile=sanitize(wire.profile or "", limit=100),
    )


def parse_authorization(body: bytes, url: str) -> Authorization:
    """Read an authorization; ``url`` is the one that was asked.

    Raises AcmeConnectionError, also for a token that is not base64url.
    """
    wire = decode(body, _WireAuthorization, "an authorization", url)
    if wire.wildcard and not wire.identifier.value.startswith("*."):
        wire.identifier.value = f"*.{wire.identifier.value}"
    return Authorization(
        url=url,
        identifier=_identifier(wire.identifier, "an authorization", url),
        status=wire.status,
        challenges=tuple(_challenge(item) for item in wire.challenges or ()),
        expires=_moment(wire.expires),
    )


def parse_challenge(body: bytes, url: str) -> Challenge:
    """Read a challenge, as the reply to its answer. Raises AcmeConnectionError."""
    return _challenge(decode(body, _WireChallenge, "a challenge", url))


def _challenge(wire: _WireChallenge) -> Challenge:
    return Challenge(
        type=wire.type,
        url=wire.url,
        status=wire.status,
        token=check_token(wire.token) if wire.token else "",
        error=wire.error.read() if wire.error else None,
        issuer_domain_names=_names(wire.issuer_domain_names or wire.issuer_names),
    )


def _names(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(sanitize(name, limit=253).lower() for name in texts or ())


def _identifier(wire: _WireIdentifier, what: str, url: str) -> Identifier:
    try:
        identifier = Identifier.parse(wire.value)
    except InvalidNameError as error:
        raise not_acme(what, url, sanitize(error.message, limit=300)) from error
    if identifier.type != wire.type:
        raise not_acme(what, url, f"'{identifier}' is not an identifier of type {wire.type}")
    return identifier


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter from the first and last hours that there are
        return None


class Directory(msgspec.Struct, frozen=True):
    """A CA's directory. URLs that it does not have are empty.

    ``profiles`` maps the names of certificate profiles to their descriptions, ``caa_identities``
    are the issuer domain names that CAA records may name. ``issuer_domain_names`` and
    ``account_hash_prefix`` are for records that stay (draft-ietf-acme-dns-persist-02 sections 3.2
    and 4.1).
    """

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    revoke_cert: str = ""
    key_change: str = ""
    renewal_info: str = ""
    terms_of_service: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    external_account_required: bool = False
    profiles: Mapping[str, str] = msgspec.field(default_factory=dict)
    issuer_domain_names: tuple[str, ...] = ()
    account_hash_prefix: str = ""

    def check_terms(self, *, agreed: bool) -> None:
        """Raise TermsNotAgreedError if there are terms of service, unless they are ``agreed``."""
        terms = self.terms_of_service
        if terms and not agreed:
            raise TermsNotAgreedError(
                f"{ca_at(self.url)} has terms of service, which you must agree to first: {terms}",
                url=terms,
            )

    def check_profile(self, profile: str) -> None:
        """Raise InvalidInputError, listing the known ones, if the CA has no such profile."""
        if profile in self.profiles:
            return
        known = sanitize(", ".join(sorted(self.profiles)), limit=500)
        offer = f"it offers {known}" if known else "it offers none; omit the profile"
        raise InvalidInputError(
            f"{ca_at(self.url)} has no profile '{sanitize(profile, limit=100)}': {offer}"
        )


_Texts = Annotated[dict[str, str], msgspec.Meta(max_length=100)]


class _WireMeta(msgspec.Struct, rename="camel"):
    terms_of_service: str | None = None
    website: str | None = None
    caa_identities: _Names | None = None
    external_account_required: bool | None = None
    profiles: _Texts | None = None
    issuer_domain_names: _Names | None = None
    account_hash_prefix: str | None = None


class _WireDirectory(msgspec.Struct, rename="camel"):
    new_nonce: Url
    new_account: Url
    new_order: Url
    revoke_cert: Url | None = None
    key_change: Url | None = None
    renewal_info: Url | None = None
    meta: _WireMeta | None = None


def parse_directory(body: bytes, url: str, *, allow_http: bool) -> Directory:
    """Read a directory. Raises AcmeConnectionError, also for a resource that is not https."""
    wire = decode(body, _WireDirectory, "a directory", url)
    meta = wire.meta or _WireMeta()

    def checked(resource: str | None) -> str:
        return check_url(resource, allow_http=allow_http, given_by=url) if resource else ""

    return Directory(
        url=url,
        new_nonce=checked(wire.new_nonce),
        new_account=checked(wire.new_account),
        new_order=checked(wire.new_order),
        revoke_cert=checked(wire.revoke_cert),
        key_change=checked(wire.key_change),
        renewal_info=checked(wire.renewal_info),
        terms_of_service=sanitize(meta.terms_of_service or "", limit=2048),
        website=sanitize(meta.website or "", limit=2048),
        caa_identities=_names(meta.caa_identities),
        external_account_required=bool(meta.external_account_required),
        profiles={
            sanitize(name, limit=100): sanitize(text, limit=2000)
            for name, text in (meta.profiles or {}).items()
        },
        issuer_domain_names=_names(meta.issuer_domain_names),
        account_hash_prefix=sanitize(meta.account_hash_prefix or "", limit=1024),
    )
