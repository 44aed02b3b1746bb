"""Managed certificates: definition, state, schedule, history, accounts and files."""

from zoneproof.manager.accounts import AccountFacts, Accounts, AccountTerms, StoredAccount
from zoneproof.manager.certificates import ManagedCertificate
from zoneproof.manager.changes import describe_changes, field_text
from zoneproof.manager.credential_trial import Step, Trial, list_zones, try_credential
from zoneproof.manager.credential_use import (
    CredentialOverview,
    credential_overviews,
    credential_users,
    remove_credential,
    rename_credential,
)
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
from zoneproof.manager.rotation import Rotation, drop_older_keys, rotate_key
from zoneproof.manager.settings import DnsSettings, Settings
from zoneproof.manager.state import Overview, standing
from zoneproof.manager.telling import tell

__all__ = [
    "AccountFacts",
    "AccountTerms",
    "Accounts",
    "CertificateDefinition",
    "Credential",
    "CredentialOverview",
    "DnsSettings",
    "Home",
    "ManagedCertificate",
    "Manager",
    "MethodDefinition",
    "Outcome",
    "Overview",
    "Preview",
    "Renewal",
    "Rotation",
    "RunOptions",
    "Settings",
    "Step",
    "StoredAccount",
    "Trial",
    "credential_overviews",
    "credential_users",
    "default_name",
    "describe_changes",
    "drop_older_keys",
    "field_text",
    "is_interrupted",
    "issue",
    "keep_renewed",
    "list_zones",
    "open_manager",
    "preview",
    "remove_credential",
    "rename_credential",
    "renew",
    "revoke",
    "rotate_key",
    "secret_fields",
    "standing",
    "tell",
    "try_credential",
]
