"""Questions to the DNS: zone cuts, delegation chains, propagation, CAA. Read only."""

from zoneproof.dnsquery.caa import (
    CaaRecord,
    CaaRequest,
    CaaVerdict,
    RelevantCaa,
    binding_records,
    check_caa,
    evaluate,
    find_caa,
    judge_caa,
)
from zoneproof.dnsquery.delegation import Delegation, follow_delegation
from zoneproof.dnsquery.messages import Answer, Status
from zoneproof.dnsquery.propagation import (
    PropagationPolicy,
    PropagationProgress,
    PropagationReport,
    check_visible,
    parse_policy,
    wait_until_visible,
)
from zoneproof.dnsquery.resolver import Resolver
from zoneproof.dnsquery.transport import DohServer, ServerAddress, parse_server
from zoneproof.dnsquery.visibility import NameReport, ServerReport, ServerStatus, Verdict
from zoneproof.dnsquery.zones import (
    NameServer,
    ZoneCut,
    find_zone,
    missing_domain,
    query_authoritative,
)

__all__ = [
    "Answer",
    "CaaRecord",
    "CaaRequest",
    "CaaVerdict",
    "Delegation",
    "DohServer",
    "NameReport",
    "NameServer",
    "PropagationPolicy",
    "PropagationProgress",
    "PropagationReport",
    "RelevantCaa",
    "Resolver",
    "ServerAddress",
    "ServerReport",
    "ServerStatus",
    "Status",
    "Verdict",
    "ZoneCut",
    "binding_records",
    "check_caa",
    "check_visible",
    "evaluate",
    "find_caa",
    "find_zone",
    "follow_delegation",
    "judge_caa",
    "missing_domain",
    "parse_policy",
    "parse_server",
    "query_authoritative",
    "wait_until_visible",
]
