"""One order from identifiers to chain: plan, publish, wait, answer, finalise, clean up."""

from zoneproof.issuance.delegation_rules import DelegationRule, DelegationRules
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Emit,
    Event,
    FilesWritten,
    OrderCreated,
    OrderResumed,
    OrderStatus,
    PropagationWaiting,
    RecordPublished,
    RecordRemoved,
    RecordsVisible,
    Warned,
)
from zoneproof.issuance.examine import Examination, Finding, examine
from zoneproof.issuance.journal import Journal, JournaledOrder, Publication
from zoneproof.issuance.match_rules import MatchRule, check_rules, match_identifier
from zoneproof.issuance.method import Method
from zoneproof.issuance.order import Issued, OrderRequest, OrderRun
from zoneproof.issuance.plan import Plan, PlannedName, check_identifiers, make_plan
from zoneproof.issuance.publish import remove_leftovers

__all__ = [
    "CertificateIssued",
    "ChallengesAnswered",
    "DelegationFound",
    "DelegationRule",
    "DelegationRules",
    "Emit",
    "Event",
    "Examination",
    "FilesWritten",
    "Finding",
    "Issued",
    "Journal",
    "JournaledOrder",
    "MatchRule",
    "Method",
    "OrderCreated",
    "OrderRequest",
    "OrderResumed",
    "OrderRun",
    "OrderStatus",
    "Plan",
    "PlannedName",
    "PropagationWaiting",
    "Publication",
    "RecordPublished",
    "RecordRemoved",
    "RecordsVisible",
    "Warned",
    "check_identifiers",
    "check_rules",
    "examine",
    "make_plan",
    "match_identifier",
    "remove_leftovers",
]
