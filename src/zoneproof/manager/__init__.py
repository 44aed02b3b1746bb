"""Managed certificates: definition, state, schedule, history, accounts and files."""

from zoneproof.manager.accounts.account import (
    AccountFacts,
    AccountReach,
    AccountTerms,
    StoredAccount,
)
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    default_name,
)
from zoneproof.manager.certificates.definition_file import describe_changes, field_text
from zoneproof.manager.certificates.issue import Outcome, issue, resume
from zoneproof.manager.certificates.leftovers import LeftoverFacts
from zoneproof.manager.certificates.method_advice import recognize_domain
from zoneproof.manager.certificates.options import Proposal
from zoneproof.manager.certificates.preview import Preview, preview
from zoneproof.manager.certificates.removal import revoke
from zoneproof.manager.certificates.renew import Renewal, renew
from zoneproof.manager.certificates.staging import (
    Staging,
    definition_for_tests,
    dry_run,
    find_staging,
    try_renewals,
)
from zoneproof.manager.certificates.state import CertificateSummary, Kept, keep, status_of
from zoneproof.manager.certificates.store import DamagedCertificate, ManagedCertificate
from zoneproof.manager.certificates.task_definition import secret_fields
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.credentials.tests import (
    CredentialTest,
    KeyTrial,
    list_zones,
    run_credential_test,
    try_key,
)
from zoneproof.manager.credentials.use import (
    CredentialSummary,
    credential_summaries,
    credential_users,
    remove_credential,
    rename_credential,
)
from zoneproof.manager.home import Home
from zoneproof.manager.manager import Manager, RunOptions, open_manager
from zoneproof.manager.settings import DnsSettings
from zoneproof.manager.vault_key import drop_older_keys, rotate_key

__all__ = [
    "AccountFacts",
    "AccountReach",
    "AccountTerms",
    "Accounts",
    "CertificateDefinition",
    "CertificateSummary",
    "Credential",
    "CredentialSummary",
    "CredentialTest",
    "DamagedCertificate",
    "DnsSettings",
    "Home",
    "Kept",
    "KeyTrial",
    "LeftoverFacts",
    "ManagedCertificate",
    "Manager",
    "MethodDefinition",
    "Outcome",
    "Preview",
    "Proposal",
    "Renewal",
    "RunOptions",
    "Staging",
    "StoredAccount",
    "credential_summaries",
    "credential_users",
    "default_name",
    "definition_for_tests",
    "describe_changes",
    "drop_older_keys",
    "dry_run",
    "field_text",
    "find_staging",
    "issue",
    "keep",
    "list_zones",
    "open_manager",
    "preview",
    "recognize_domain",
    "remove_credential",
    "rename_credential",
    "renew",
    "resume",
    "revoke",
    "rotate_key",
    "run_credential_test",
    "secret_fields",
    "status_of",
    "try_key",
    "try_renewals",
]
