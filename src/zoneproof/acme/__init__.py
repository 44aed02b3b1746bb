"""An async ACME client (RFC 8555, RFC 9773): a library of its own.

:class:`AcmeClient` is where to begin; ``docs/acme-client.md`` has a complete program.
"""

from zoneproof.acme.ari import RenewalInfo, cert_id, choose_renewal_time, is_renewal_due
from zoneproof.acme.cas import KNOWN, CertificateAuthority, directory_url, find_ca
from zoneproof.acme.certificates import CertificateChain, parse_chain
from zoneproof.acme.client import AcmeClient
from zoneproof.acme.csr import (
    CertificateKey,
    CertificateKeyKind,
    GivenCsr,
    key_from_pem,
    kind_of_key,
    make_csr,
    make_key,
    public_der,
    read_csr,
)
from zoneproof.acme.jws import ExternalAccountBinding
from zoneproof.acme.keys import AccountKey, KeyKind, key_authorization, key_to_pem
from zoneproof.acme.messages import Account, Authorization, Challenge, Directory, Order
from zoneproof.acme.problems import ProblemDocument
from zoneproof.core.aio import SharedCall

__all__ = [
    "KNOWN",
    "Account",
    "AccountKey",
    "AcmeClient",
    "Authorization",
    "CertificateAuthority",
    "CertificateChain",
    "CertificateKey",
    "CertificateKeyKind",
    "Challenge",
    "Directory",
    "ExternalAccountBinding",
    "GivenCsr",
    "KeyKind",
    "Order",
    "ProblemDocument",
    "RenewalInfo",
    "SharedCall",
    "cert_id",
    "choose_renewal_time",
    "directory_url",
    "find_ca",
    "is_renewal_due",
    "key_authorization",
    "key_from_pem",
    "key_to_pem",
    "kind_of_key",
    "make_csr",
    "make_key",
    "parse_chain",
    "public_der",
    "read_csr",
]
