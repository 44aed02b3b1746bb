"""Whether CAA lets the CA issue what is planned, asked before an order is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from zoneproof.challenges.events import Emit, Warned
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import CaaError
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import RelevantCaa, Resolver, find_caa, judge_caa
from zoneproof.issuance.plan import PlannedIdentifier


async def find_records(
    resolver: Resolver, planned: Sequence[PlannedIdentifier]
) -> Mapping[PlannedIdentifier, RelevantCaa]:
    """Look up what CAA says of the names at once; never raises DnsError."""
    wanted = {
        one: (one.method.resolver or resolver, one.identifier.domain)
        for one in planned
        if one.identifier.type == "dns"
    }
    keys = list(dict.fromkeys(wanted.values()))
    found = await all_at_once(find_caa(*key) for key in keys)
    by_key = dict(zip(keys, found, strict=True))
    return {one: by_key[key] for one, key in wanted.items()}


def require_issuance_allowed(
    records: Mapping[PlannedIdentifier, RelevantCaa],
    *,
    issuers: Collection[str],
    account_url: str,
    emit: Emit,
) -> None:
    """Raise CaaError if records forbid the CA to issue.

    A lookup that failed is only told, as by a preview.
    """
    refused: dict[str, list[Identifier]] = {}
    unknown: dict[str, None] = {}  # an ordered set
    for one, found in records.items():
        verdict = judge_caa(
            found,
            one.identifier,
            issuers=issuers,
            account_url=account_url,
            method=one.method.type,
        )
        if verdict.failed:
            unknown[verdict.reason] = None
        elif not verdict.allowed:
            refused.setdefault(verdict.reason, []).append(one.identifier)
    if refused:
        texts = [f"for {_shown(names)}: {reason}" for reason, names in refused.items()]
        which = "record" if len(texts) == 1 else "records"
        raise CaaError(f"the CA may not issue {'; '.join(texts)}; change the {which}")
    for text in unknown:
        emit(Warned(text))


def _shown(names: Sequence[Identifier]) -> str:
    more = f" and {len(names) - 1} more of its names" if len(names) > 1 else ""
    return f"{names[0]}{more}"
