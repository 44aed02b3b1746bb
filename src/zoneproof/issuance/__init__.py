"""One order from identifiers to chain: plan, publish, wait, answer, finalise, clean up."""

from zoneproof.issuance.awaited import look_for_records
from zoneproof.issuance.checks import check_identifiers, check_method
from zoneproof.issuance.delegation_rules import DelegationRule, DelegationRules
from zoneproof.issuance.events import (
    AnswerServed,
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Emit,
    Event,
    FileRemoved,
    FilesWritten,
    OrderCreated,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
    PropagationWaiting,
    RecordAwaited,
    RecordPublished,
    RecordRemoved,
    RecordsDeletable,
    RecordsVisible,
    RecordVisible,
    Warned,
)
from zoneproof.issuance.examine import Examination, Finding, NameExamination, examine
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import HttpFile, JournaledOrder, Publication
from zoneproof.issuance.match_rules import MatchRule, check_rules, match_identifier
from zoneproof.issuance.method import Choice, DnsMethod, HttpMethod, Method
from zoneproof.issuance.order import Issued, OrderRequest, OrderRun
from zoneproof.issuance.places import ProvidersFor
from zoneproof.issuance.plan import Choose, Plan, PlannedIdentifier, PlannedName, make_plan
from zoneproof.issuance.publish import remove_leftovers
from zoneproof.issuance.survey import survey

__all__ = [
    "AnswerServed",
    "CertificateIssued",
    "ChallengesAnswered",
    "Choice",
    "Choose",
    "DelegationFound",
    "DelegationRule",
    "DelegationRules",
    "DnsMethod",
    "Emit",
    "Event",
    "Examination",
    "FileRemoved",
    "FilesWritten",
    "Finding",
    "HttpFile",
    "HttpMethod",
    "Issued",
    "Journal",
    "JournaledOrder",
    "MatchRule",
    "Method",
    "NameExamination",
    "OrderCreated",
    "OrderPlanned",
    "OrderRequest",
    "OrderResumed",
    "OrderRun",
    "OrderStatus",
    "Plan",
    "PlannedIdentifier",
    "PlannedName",
    "PropagationWaiting",
    "ProvidersFor",
    "Publication",
    "RecordAwaited",
    "RecordPublished",
    "RecordRemoved",
    "RecordVisible",
    "RecordsDeletable",
    "RecordsVisible",
    "Warned",
    "check_identifiers",
    "check_method",
    "check_rules",
    "examine",
    "look_for_records",
    "make_plan",
    "match_identifier",
    "remove_leftovers",
    "survey",
]
