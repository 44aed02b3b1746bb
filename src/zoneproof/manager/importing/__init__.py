"""Reads what other ACME clients left on a machine; nothing is written and nothing is run."""

from zoneproof.manager.importing.acme_sh import read_acme_sh
from zoneproof.manager.importing.certbot import read_certbot
from zoneproof.manager.importing.export import (
    export_certbot_hook,
    export_certify,
    export_goacmedns,
)
from zoneproof.manager.importing.found import (
    Found,
    FoundAccount,
    FoundCertificate,
    FoundRegistration,
)
from zoneproof.manager.importing.lego import read_lego
from zoneproof.manager.importing.registrations import read_registrations

__all__ = [
    "Found",
    "FoundAccount",
    "FoundCertificate",
    "FoundRegistration",
    "export_certbot_hook",
    "export_certify",
    "export_goacmedns",
    "read_acme_sh",
    "read_certbot",
    "read_lego",
    "read_registrations",
]
