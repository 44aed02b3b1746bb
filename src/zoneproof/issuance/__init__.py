"""One order from identifiers to chain: plan, publish, wait, answer, finalise, clean up."""

from zoneproof.challenges.events import (
    AnswerServed,
    Emit,
    Event,
    PropagationWaiting,
    RecordAwaited,
    RecordPublished,
    RecordsVisible,
    RecordVisible,
    Warned,
)
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    FileRemoved,
    FilesWritten,
    OrderCreated,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
    RecordRemoved,
    RecordsDeletable,
    TaskDone,
    TaskFailed,
)
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import HttpFile, JournaledOrder, PublishedRecord
from zoneproof.issuance.order import Issued, OrderRequest, OrderRun
from zoneproof.issuance.plan import Choice, Plan, PlannedIdentifier, make_plan
from zoneproof.issuance.preflight import PreflightReport, preflight, preflight_name
from zoneproof.issuance.publish import ProvidersFor, remove_leftovers, tell_deletable
from zoneproof.issuance.rules import MatchRule, check_identifiers, check_rules, match_identifier

__all__ = [
    "AnswerServed",
    "CertificateIssued",
    "ChallengesAnswered",
    "Choice",
    "DelegationFound",
    "Emit",
    "Event",
    "FileRemoved",
    "FilesWritten",
    "HttpFile",
    "Issued",
    "Journal",
    "JournaledOrder",
    "MatchRule",
    "OrderCreated",
    "OrderPlanned",
    "OrderRequest",
    "OrderResumed",
    "OrderRun",
    "OrderStatus",
    "Plan",
    "PlannedIdentifier",
    "PreflightReport",
    "PropagationWaiting",
    "ProvidersFor",
    "PublishedRecord",
    "RecordAwaited",
    "RecordPublished",
    "RecordRemoved",
    "RecordVisible",
    "RecordsDeletable",
    "RecordsVisible",
    "TaskDone",
    "TaskFailed",
    "Warned",
    "check_identifiers",
    "check_rules",
    "make_plan",
    "match_identifier",
    "preflight",
    "preflight_name",
    "remove_leftovers",
    "tell_deletable",
]
