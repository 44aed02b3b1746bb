"""Managed certificates: definition, state, schedule, history, accounts and files."""

from zoneproof.manager.accounts.stored import (
    AccountFacts,
    AccountReach,
    Accounts,
    AccountTerms,
    StoredAccount,
)
from zoneproof.manager.administration.credential_trial import (
    Step,
    Trial,
    list_zones,
    try_credential,
)
from zoneproof.manager.administration.leftovers import (
    LeftoverFacts,
    drop_leftovers,
    leftovers,
    retry_leftovers,
)
from zoneproof.manager.administration.vault_key import Rotation, drop_older_keys, rotate_key
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    default_name,
    secret_fields,
)
from zoneproof.manager.certificates.differences import csr_text, describe_changes, field_text
from zoneproof.manager.certificates.history import HistoryEntry
from zoneproof.manager.certificates.state import Overview, overview_of, standing
from zoneproof.manager.certificates.stored import DamagedCertificate, ManagedCertificate
from zoneproof.manager.credentials.stored import Credential
from zoneproof.manager.credentials.use import (
    CredentialOverview,
    credential_overviews,
    credential_users,
    remove_credential,
    rename_credential,
)
from zoneproof.manager.home import Home
from zoneproof.manager.lifecycle.daemon import keep_renewed
from zoneproof.manager.lifecycle.issue import Outcome, issue, resume
from zoneproof.manager.lifecycle.keep import Kept, keep
from zoneproof.manager.lifecycle.notices import tell
from zoneproof.manager.lifecycle.preview import Preview, preview
from zoneproof.manager.lifecycle.proposal import Proposal
from zoneproof.manager.lifecycle.renew import Renewal, renew
from zoneproof.manager.lifecycle.revoke import revoke
from zoneproof.manager.lifecycle.staging import (
    Staging,
    definition_for_tests,
    dry_run,
    find_staging,
    try_renewals,
)
from zoneproof.manager.manager import Manager, RunOptions, open_manager
from zoneproof.manager.settings import DnsSettings, Settings

__all__ = [
    "AccountFacts",
    "AccountReach",
    "AccountTerms",
    "Accounts",
    "CertificateDefinition",
    "Credential",
    "CredentialOverview",
    "DamagedCertificate",
    "DnsSettings",
    "HistoryEntry",
    "Home",
    "Kept",
    "LeftoverFacts",
    "ManagedCertificate",
    "Manager",
    "MethodDefinition",
    "Outcome",
    "Overview",
    "Preview",
    "Proposal",
    "Renewal",
    "Rotation",
    "RunOptions",
    "Settings",
    "Staging",
    "Step",
    "StoredAccount",
    "Trial",
    "credential_overviews",
    "credential_users",
    "csr_text",
    "default_name",
    "definition_for_tests",
    "describe_changes",
    "drop_leftovers",
    "drop_older_keys",
    "dry_run",
    "field_text",
    "find_staging",
    "issue",
    "keep",
    "keep_renewed",
    "leftovers",
    "list_zones",
    "open_manager",
    "overview_of",
    "preview",
    "remove_credential",
    "rename_credential",
    "renew",
    "resume",
    "retry_leftovers",
    "revoke",
    "rotate_key",
    "secret_fields",
    "standing",
    "tell",
    "try_credential",
    "try_renewals",
]
