"""Records of dns-persist-01 for an order, some of whose challenges are solved already."""

from __future__ import annotations

from typing import cast

from tests.issuance.fake_provider import MemoryProvider
from zoneproof.acme import AcmeClient, Authorization, Challenge, Order
from zoneproof.challenges.dns_persist01 import TYPE, Applicant, PersistMethod
from zoneproof.challenges.solver import NoLedger, Scope
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, ServerAddress
from zoneproof.issuance import Choice, make_plan
from zoneproof.issuance.order import Validation
from zoneproof.providers import ProviderContext

NOWHERE = Resolver([ServerAddress("127.0.0.1", 1)])
NAMES = ("example.com", "*.example.com", "a.b.example.com")


class CaThatKnowsTheWildcard:
    """Has validated the wildcard for an earlier order, and asks for the rest."""

    key = None

    async def authorizations(self, order: Order) -> list[Authorization]:
        return [
            Authorization(
                f"https://ca.test/{one}",
                one,
                "valid" if one.is_wildcard else "pending",
                (Challenge(TYPE, "https://ca.test/0", "pending", "", None, ("ca.test",)),),
            )
            for one in order.identifiers
        ]

    async def answer(self, challenges: object) -> None:
        """Take what is answered."""


async def test_a_record_is_for_the_wildcard_too_though_its_own_challenge_is_solved() -> None:
    provider = MemoryProvider(ProviderContext({}), ["example.com"])
    method = PersistMethod(
        "memory", provider, PropagationPolicy(ask=False), {}, follow_cname=False, resolver=NOWHERE
    )
    identifiers = [Identifier.parse(name) for name in NAMES]
    plan = await make_plan(identifiers, lambda _: Choice(method, "the only method"), NOWHERE)
    applicant = Applicant(("ca.test",), "https://ca.test/acct/1")
    scope = Scope(NoLedger(), NOWHERE, print, applicant=applicant)
    validation = Validation(cast("AcmeClient", CaThatKnowsTheWildcard()), scope)
    await validation.run(plan, Order("", "pending", plan.identifiers, (), ""))
    account = "ca.test; accounturi=https://ca.test/acct/1"
    assert {value for *_, value in provider.records} == {f"{account}; policy=wildcard", account}
