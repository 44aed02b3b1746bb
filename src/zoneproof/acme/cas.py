"""The public CAs by short name, and ZeroSSL's way to bind an account by e-mail address."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from zoneproof.acme.http import ca_at, check_url
from zoneproof.acme.jws import ExternalAccountBinding
from zoneproof.acme.messages import decode
from zoneproof.acme.transport import Session
from zoneproof.core.errors import AcmeError, InvalidInputError
from zoneproof.core.http import Reply
from zoneproof.core.text import sanitize

ZEROSSL_BINDING_URL = "https://api.zerossl.com/acme/eab-credentials-email"


class CertificateAuthority(msgspec.Struct, frozen=True):
    """A CA. ``needs_binding`` says that accounts need an external account binding, whatever its
    directory claims; ``binding_url``, where there is one, hands it out for an e-mail address.
    ``staging`` is the short name of the CA's directory for tests, its own for that one, and empty
    where there is none.
    """

    name: str
    title: str
    directory_url: str
    needs_binding: bool = False
    binding_url: str = ""
    staging: str = ""


KNOWN: Mapping[str, CertificateAuthority] = {
    ca.name: ca
    for ca in (
        CertificateAuthority(
            "letsencrypt",
            "Let's Encrypt",
            "https://acme-v02.api.letsencrypt.org/directory",
            staging="letsencrypt-staging",
        ),
        CertificateAuthority(
            "letsencrypt-staging",
            "Let's Encrypt (staging)",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
            staging="letsencrypt-staging",
        ),
        CertificateAuthority(
            "zerossl", "ZeroSSL", "https://acme.zerossl.com/v2/DV90", True, ZEROSSL_BINDING_URL
        ),
        CertificateAuthority(
            "google",
            "Google Trust Services",
            "https://dv.acme-v02.api.pki.goog/directory",
            needs_binding=True,
            staging="google-staging",
        ),
        CertificateAuthority(
            "google-staging",
            "Google Trust Services (staging)",
            "https://dv.acme-v02.test-api.pki.goog/directory",
            needs_binding=True,
            staging="google-staging",
        ),
        CertificateAuthority(
            "sslcom",
            "SSL.com (EC keys)",
            "https://acme.ssl.com/sslcom-dv-ecc",
            needs_binding=True,
        ),
        CertificateAuthority(
            "sslcom-rsa",
            "SSL.com (RSA keys)",
            "https://acme.ssl.com/sslcom-dv-rsa",
            needs_binding=True,
        ),
    )
}
_CLOSED = {
    "buypass": "Buypass has closed its ACME service",
    "buypass-staging": "Buypass has closed",
}


def find_ca(text: str) -> CertificateAuthority:
    """Return the CA for a short name or a directory URL.

    Whether an http URL may be used is for :class:`~zoneproof.acme.AcmeClient` to say. Raises
    InvalidInputError.
    """
    wanted = text.strip()
    if "://" in wanted:
        for ca in KNOWN.values():
            if ca.directory_url == wanted:
                return ca
        return CertificateAuthority(wanted, wanted, wanted)
    name = wanted.lower()
    if name in _CLOSED:
        raise InvalidInputError(f"{_CLOSED[name]}: use another CA, such as letsencrypt")
    if name not in KNOWN:
        raise InvalidInputError(
            f"'{sanitize(wanted, limit=100)}' is not a known CA: use {', '.join(KNOWN)}, or the"
            " https URL of an ACME directory"
        )
    return KNOWN[name]


def directory_url(text: str) -> str:
    """Return the directory URL for a short name or a URL.

    Raises InvalidInputError, also for a URL that :class:`~zoneproof.acme.AcmeClient` never opens.
    """
    return check_url(find_ca(text).directory_url, allow_http=True)


class _WireError(msgspec.Struct):
    type: str = ""


class _WireBinding(msgspec.Struct):
    """ZeroSSL's answer, as its own certbot wrapper (zerossl-bot) reads it."""

    eab_kid: str | None = None
    eab_hmac_key: str | None = None
    error: _WireError | None = None


async def binding_by_email(email: str, session: Session, url: str) -> ExternalAccountBinding:
    """Ask ZeroSSL's endpoint for an external account binding for the e-mail address.

    Raises AcmeError.
    """

    async def attempt() -> Reply:
        return await session.exchange(
            "POST",
            url,
            content=urlencode({"email": email}).encode(),
            content_type="application/x-www-form-urlencoded",
        )

    reply = await session.retries.good_reply(attempt)
    wire = decode(reply.body, _WireBinding, "an answer", url)
    if not wire.eab_kid or not wire.eab_hmac_key:
        reason = sanitize(wire.error.type, limit=200) if wire.error else "it gave no reason"
        raise AcmeError(f"{ca_at(url)} gave no external account binding for {email}: {reason}")
    return ExternalAccountBinding(wire.eab_kid, wire.eab_hmac_key)
