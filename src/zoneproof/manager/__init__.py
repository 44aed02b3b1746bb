"""Managed certificates: definition, state, schedule, history, accounts and files."""

from zoneproof.manager.accounts import AccountFacts, Accounts, AccountTerms, StoredAccount
from zoneproof.manager.certificates import ManagedCertificate
from zoneproof.manager.changes import describe_changes
from zoneproof.manager.credentials import Credential
from zoneproof.manager.daemon import keep_renewed
from zoneproof.manager.definition import (
    CertificateDefinition,
    MethodDefinition,
    default_name,
    secret_fields,
)
from zoneproof.manager.home import Home
from zoneproof.manager.issue import Outcome, is_interrupted, issue
from zoneproof.manager.manager import Manager, RunOptions, open_manager
from zoneproof.manager.preview import Preview, preview
from zoneproof.manager.renew import Renewal, renew
from zoneproof.manager.revoke import revoke
from zoneproof.manager.settings import DnsSettings, Settings
from zoneproof.manager.state import Overview, standing
from zoneproof.manager.telling import tell

__all__ = [
    "AccountFacts",
    "AccountTerms",
    "Accounts",
    "CertificateDefinition",
    "Credential",
    "DnsSettings",
    "Home",
    "ManagedCertificate",
    "Manager",
    "MethodDefinition",
    "Outcome",
    "Overview",
    "Preview",
    "Renewal",
    "RunOptions",
    "Settings",
    "StoredAccount",
    "default_name",
    "describe_changes",
    "is_interrupted",
    "issue",
    "keep_renewed",
    "open_manager",
    "preview",
    "renew",
    "revoke",
    "secret_fields",
    "standing",
    "tell",
]
