"""Certificates that are managed and of some age, without a CA."""

from __future__ import annotations

from tests.cli.inside import Inside
from tests.support.self_signed import key_pem, self_signed
from zoneproof.acme import CertificateChain
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.files import CertificateFiles


def add_old(inside: Inside, name: str, *, days: tuple[float, float] = (-80, 10)) -> None:
    """Manage a certificate that is valid from the first to the second of ``days`` from now."""
    inside.good("add", name, "--provider=manual")
    certificate, key = self_signed(name, days=days)
    chain = CertificateChain((certificate, certificate))
    CertificateFiles(inside.home).write(name, Issued(chain, key_pem(key)))
