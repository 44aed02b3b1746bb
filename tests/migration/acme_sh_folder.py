"""acme.sh's folder, written as acme.sh 3.1 writes it (``_save_conf``, ``issue``)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, SECRET, certificate, write
from zoneproof.acme import AccountKey
from zoneproof.core.names import Identifier
from zoneproof.migration.found import Found, FoundCertificate

KEY = AccountKey.generate()


def conf(path: Path, settings: Mapping[str, str]) -> Path:
    return write(path, "".join(f"{name}='{value}'\n" for name, value in settings.items()))


def home(folder: Path, **account: str) -> Path:
    """acme.sh's folder with an account at Let's Encrypt."""
    conf(folder / "account.conf", {"UPGRADE_HASH": "abc", "USER_PATH": "/bin:/usr/bin", **account})
    place = folder / "ca/acme-v02.api.letsencrypt.org/directory"
    write(place / "account.key", KEY.to_pem())
    conf(place / "ca.conf", {"CA_EMAIL": "you@example.com", "ACCOUNT_URL": ACCOUNT_URL})
    return folder


def certificate_of(
    folder: Path, domain: str = "example.com", *, ecc: bool = True, **settings: str
) -> Path:
    """A certificate as ``acme.sh --issue`` leaves it."""
    place = folder / (f"{domain}_ecc" if ecc else domain)
    write(place / "fullchain.cer", certificate(Identifier.parse(domain).value))
    write(place / f"{domain}.key", SECRET)
    return conf(
        place / f"{domain}.conf",
        {
            "Le_Domain": domain,
            "Le_Alt": "no",
            "Le_Webroot": "dns_cf",
            "Le_PreHook": "",
            "Le_PostHook": "",
            "Le_RenewHook": "",
            "Le_API": LETS_ENCRYPT,
            "Le_Keylength": "ec-256" if ecc else "2048",
            **settings,
        },
    )


def only(found: Found) -> FoundCertificate:
    assert len(found.certificates) == 1, found.problems
    return found.certificates[0]


def b64(text: str) -> str:
    return f"__ACME_BASE64__START_{base64.b64encode(text.encode()).decode()}__ACME_BASE64__END_"
