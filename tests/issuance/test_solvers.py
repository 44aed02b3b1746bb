"""What an order does with its solvers: secrets are opened once, and what stays is left alone."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, cast

import pytest

from tests.issuance.fake_provider import MemoryProvider
from tests.issuance.publishing import open_order
from zoneproof.acme import AccountKey, AcmeClient, Authorization, Challenge, Order
from zoneproof.challenges import SOLVERS, dns01
from zoneproof.challenges.dns01 import ChallengeRecord, DnsMethod
from zoneproof.challenges.dns01_solver import PreparedRecords
from zoneproof.challenges.method import Method
from zoneproof.challenges.preflight import MethodPreflight
from zoneproof.challenges.routing import PlannedName, plan_names
from zoneproof.challenges.solver import ChallengeTask, Scope
from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, ServerAddress
from zoneproof.issuance import Choice, Journal, ProvidersFor, PublishedRecord, make_plan
from zoneproof.issuance.order import Validation
from zoneproof.issuance.publish import OrderLedger, remove_leftovers
from zoneproof.manager import CertificateDefinition, Credential, DnsSettings, MethodDefinition
from zoneproof.manager.credentials.registrations import StoredRegistrations
from zoneproof.manager.credentials.store import Credentials
from zoneproof.manager.home import Home
from zoneproof.manager.methods import MethodMaker, ProviderPool, ResolverPool
from zoneproof.manager.settings import Settings
from zoneproof.providers import Provider, ProviderContext, TxtRecord, Zone
from zoneproof.storage import Store
from zoneproof.vault import Vault, open_vault

NAMES = ("example.com", "www.example.com")
NOWHERE = Resolver([ServerAddress("127.0.0.1", 1)])


class CountingVault(Vault):
    """Counts the secrets that it opens, by the table that they are in."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.opened: Counter[str] = Counter()

    def open(self, sealed: str, context: str) -> bytes:
        self.opened[context.partition("|")[0]] += 1
        return super().open(sealed, context)


@dataclass
class FakeCa:
    """Offers one type for every identifier, and keeps what is answered."""

    offers: str
    tokens: bool = True
    key: AccountKey = field(default_factory=AccountKey.generate)
    answered: list[Challenge] = field(default_factory=list)

    async def authorizations(self, order: Order) -> list[Authorization]:
        return [
            Authorization(f"https://ca.test/authz/{one}", one, "pending", (self._challenge(one),))
            for one in order.identifiers
        ]

    def _challenge(self, identifier: Identifier) -> Challenge:
        token = f"token-{identifier.value.replace('.', '-')}" if self.tokens else ""
        return Challenge(self.offers, f"https://ca.test/{identifier}", "pending", token)

    async def answer(self, challenges: Iterable[Challenge]) -> None:
        self.answered.extend(challenges)


async def validate(
    ca: FakeCa, journal: Journal, method: Method, providers_for: ProvidersFor
) -> None:
    """Do what an order does between its creation and its finalisation."""
    identifiers = [Identifier.parse(name) for name in NAMES]
    plan = await make_plan(identifiers, lambda _: Choice(method, "the only method"), NOWHERE)
    journaled = await open_order(journal)
    ledger = OrderLedger(journal, journaled.id)
    validation = Validation(cast("AcmeClient", ca), Scope(ledger, NOWHERE, print))
    try:
        await validation.run(plan, Order("", "pending", plan.identifiers, (), ""))
    finally:
        await validation.clean_up()
        await remove_leftovers(
            journal, "example.com", providers_for, print, published=ledger.published
        )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    home = Home(tmp_path)
    home.create()
    opened = home.open_store()
    yield opened
    await opened.close()


@pytest.fixture
def vault(tmp_path: Path, store: Store) -> CountingVault:
    open_vault(tmp_path)
    return CountingVault(tmp_path)


@pytest.fixture
def journal(store: Store, vault: CountingVault) -> Journal:
    return Journal(store, vault, at_work=lambda _: True)


async def test_an_order_reads_its_credential_once_and_opens_nothing_else(
    store: Store, vault: CountingVault, journal: Journal, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    program = tmp_path / "program"
    program.write_text(f'#!{sys.executable}\nprint(file=open({str(done)!r}, "a"))\n')
    program.chmod(0o755)
    credentials = Credentials(store, vault)
    fields = {"create": str(program), "delete": str(program)}
    await credentials.add(Credential("mine", "script", fields, DnsSettings(propagation="0")))
    pool = ProviderPool(StoredRegistrations(store, vault), credentials, Resolver, tmp_path)
    maker = MethodMaker(credentials, Settings(), DnsSettings(), pool, ResolverPool(53))
    by_dns = MethodDefinition(credential="mine", zone="example.com", follow_cname=False)
    definition = CertificateDefinition(name="example.com", identifiers=NAMES, method=(by_dns,))
    vault.opened.clear()
    (method,) = (await maker.make(definition)).made
    await validate(FakeCa("dns-01"), journal, method, pool.for_publication)
    assert done.read_text().count("\n") == 4, "two values, added and removed"
    assert vault.opened == {"credentials": 1}
    assert await journal.certificates_to_clean() == []
    await pool.close()


def by_memory(provider: MemoryProvider) -> DnsMethod:
    return DnsMethod("memory", provider, PropagationPolicy(ask=False), {}, follow_cname=False)


async def nobody(_: PublishedRecord) -> list[Provider]:
    raise AssertionError("it is not looked up again")


class Withdrawn(MemoryProvider):
    """One whose credential ends between publishing and removing."""

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        self.calls.append("remove")
        raise ProviderUnavailableError("it is withdrawn")


@pytest.mark.parametrize("changed", [True, False])
async def test_what_the_run_s_own_provider_cannot_remove_is_tried_with_the_stored_ones(
    journal: Journal, changed: bool
) -> None:
    """The credential may have been changed while the order ran; then others can remove it."""
    before = Withdrawn(ProviderContext({}), ["example.com"])
    after = MemoryProvider(ProviderContext({}))

    async def stored(_: PublishedRecord) -> list[Provider]:
        after.records = before.records
        return [before, after] if changed else [before]

    await validate(FakeCa("dns-01"), journal, by_memory(before), stored)
    assert before.calls == ["zones", "remove"]
    assert len(after.records) == (0 if changed else len(NAMES))
    assert await journal.certificates_to_clean() == ([] if changed else ["example.com"])


async def test_what_an_earlier_run_may_have_published_elsewhere_is_removed_everywhere(
    journal: Journal,
) -> None:
    """The resumed order has the same value, which the journal knows with other fields."""
    earlier = MemoryProvider(ProviderContext({}))
    later = MemoryProvider(ProviderContext({}), ["example.com"])
    method = by_memory(later)
    (zone,) = later.listed
    order = await open_order(journal)
    record = ChallengeRecord(method, zone, "_acme-challenge", "value")
    for provider in (earlier, later):
        ledger = OrderLedger(journal, order.id)
        await ledger.will_publish([record])
        await provider.add(zone, [record.txt])

    async def both(_: PublishedRecord) -> list[Provider]:
        return [earlier, later]

    await remove_leftovers(journal, "example.com", both, print, published=ledger.published)
    assert (earlier.records, later.records) == (set(), set())


# --- a type without token whose records stay, apart from what dns-persist-01 adds -------------


class PersistMethod(DnsMethod, frozen=True, eq=False):
    """Validation by a record at another name, that says which account may order."""

    type: ClassVar[str] = "dns-persist-01"

    def challenge_name(self, domain: DomainName) -> DomainName:
        return domain.child("_validation-persist")


class DnsPersist01:
    """Publishes one record for each name, without a token, for good."""

    stays: ClassVar[bool] = True

    async def plan(
        self,
        wanted: Sequence[tuple[Identifier, PersistMethod]],
        resolver: Resolver,
        *,
        register: bool,
    ) -> list[PlannedName]:
        return await plan_names(wanted, resolver, register=register)

    async def preflight(
        self, wanted: Sequence[tuple[Identifier, PersistMethod]], resolver: Resolver
    ) -> list[MethodPreflight]:
        raise NotImplementedError

    def prepare(
        self, tasks: Sequence[ChallengeTask[PersistMethod]], scope: Scope
    ) -> PreparedRecords:
        assert not any(task.token or task.key_authorization for task in tasks)
        records = []
        for task in tasks:
            assert task.name
            assert task.name.zone
            name = task.name.publish_name.relative_to(task.name.zone.name)
            records.append(
                ChallengeRecord(task.method, task.name.zone, name, "ca.test; accounturi=1")
            )
        return PreparedRecords(records, scope)


async def test_a_type_without_token_leaves_its_record_and_nothing_to_clean(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOLVERS, PersistMethod.type, DnsPersist01())
    provider = MemoryProvider(ProviderContext({}), ["example.com"])
    method = PersistMethod("memory", provider, PropagationPolicy(ask=False), {}, follow_cname=False)
    ca = FakeCa(PersistMethod.type, tokens=False)
    for _ in range(2):
        await validate(ca, journal, method, nobody)
    assert len(ca.answered) == 2 * len(NAMES)
    assert provider.records == {
        (f"_validation-persist.{name}", "ca.test; accounturi=1") for name in NAMES
    }
    assert await journal.certificates_to_clean() == []


async def test_dns_01_without_a_token_is_refused(journal: Journal) -> None:
    provider = MemoryProvider(ProviderContext({}), ["example.com"])
    ca = FakeCa(dns01.TYPE, tokens=False)
    with pytest.raises(Exception, match="token that is not base64url"):
        await validate(ca, journal, by_memory(provider), nobody)
    assert provider.records == set()
