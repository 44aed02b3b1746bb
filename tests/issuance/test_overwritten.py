"""Values at acme-dns that another program overwrites while we wait for DNS: all come back."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from tests.issuance.publishing import records
from tests.providers.harness import challenge_value
from tests.support.clock import Clock
from tests.support.fake_acme_dns import FakeAcmeDns
from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.fake_http import fake_http_server
from tests.support.registrations import MemoryRegistrations
from zoneproof.challenges.slots import Republisher, find_slots
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import Resolver, ServerAddress, wait_until_visible
from zoneproof.providers import ProviderContext, TxtRecord, Zone, open_provider
from zoneproof.providers.acme_dns import AcmeDns


def name_server(api: FakeAcmeDns) -> FakeDns:
    """Return a server that answers for the zone as acme-dns's own DNS does, and for its parents."""

    def answer(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(asked.rdtype)
        here = {"SOA": soa(name), "NS": f"{name} NS ns.{api.domain}."}
        if name == f"ns.{api.domain}" and rdtype == "A":
            return reply(question, f"{name} A 127.0.0.1", recursive=True)
        if api.domain.endswith(name) and rdtype in here:
            return reply(question, here[rdtype], recursive=True)
        account = api.accounts.get(name.partition(".")[0])
        values = account.values if account and rdtype == "TXT" else []
        if values:
            return reply(question, *(f'{name} TXT "{value}"' for value in values), recursive=True)
        missing = dns.rcode.NOERROR if api.domain.endswith(name) else dns.rcode.NXDOMAIN
        return reply(question, authority=(soa(api.domain),), rcode=missing, recursive=True)

    return FakeDns(answer)


async def wait_while_another_posts(count: int, foreign: int) -> tuple[set[str], set[str], float]:
    """Publish ``count`` values and wait for them; another program posts some in the same second.

    Return the values wanted, those that stand in the end, and the seconds that it took.
    """
    time = Clock()
    api = FakeAcmeDns(clock=time)
    async with fake_http_server(api) as server, name_server(api) as dns_server:
        store = MemoryRegistrations()

        def opened() -> AcmeDns:
            context = ProviderContext({"server": server.url}, store, sleep=time.sleep, clock=time)
            made = open_provider("acme-dns", context)
            assert isinstance(made, AcmeDns)
            return made

        provider, other = opened(), opened()

        target = await provider.target(DomainName("example.com"), create=True)
        assert target is not None
        values_of_ours = [("", challenge_value()) for _ in range(count)]
        items = records(provider, *values_of_ours, zone=Zone(target), slug="acme-dns")
        republish = Republisher(items, await find_slots(items), print, clock=time)
        for item in items:
            await provider.add(item.zone, [item.txt])
        for _ in range(foreign):
            await other.add(Zone(target), [TxtRecord("", challenge_value(), 1)])
        values = frozenset(item.value for item in items)
        address = ServerAddress("127.0.0.1", dns_server.port)
        async with Resolver([address], authoritative_port=dns_server.port) as resolver:
            began = time.now
            await wait_until_visible(
                resolver, {target: values}, on_missing=republish, sleep=time.sleep, clock=time
            )
        await provider.close()
        await other.close()
    (account,) = api.accounts.values()
    return set(values), set(account.values), time.now - began


@pytest.mark.parametrize("foreign", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2])
async def test_they_are_published_again(count: int, foreign: int) -> None:
    wanted, found, seconds = await wait_while_another_posts(count, foreign)
    assert found >= wanted
    assert seconds < 20
