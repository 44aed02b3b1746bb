"""One order for a definition, and what it shares with the others of its run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext

import msgspec

from zoneproof.acme import AcmeClient, directory_url
from zoneproof.core.aio import Slots
from zoneproof.issuance import Emit, Issued, OrderRequest, OrderRun, Warned, make_plan
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.outages import Needs, Outages
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.manager import Manager
from zoneproof.providers import Provider


class Run(msgspec.Struct, frozen=True):
    """What the orders of one run share: what they found to be down, and the slots to work in."""

    outages: Outages = msgspec.field(default_factory=Outages)
    slots: Slots | None = None


class _Others(msgspec.Struct, frozen=True):
    """The others of a run, for the order that needs ``needs``."""

    run: Run
    needs: Needs

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Give the slot to another."""
        return self.run.slots.waiting() if self.run.slots else nullcontext()

    async def admit(self, provider: Provider) -> None:
        """Wait for what others find out of the provider. Raises HeldUpError."""
        await self.run.outages.admit(provider, self.needs)

    def trying(self, provider: Provider) -> AbstractContextManager[None]:
        """Tell the others what comes of using the provider."""
        return self.run.outages.trying(provider, self.needs)


async def place_order(
    manager: Manager,
    journal_name: str,
    definition: CertificateDefinition,
    account: str,
    emit: Emit,
    deliver: Callable[[Issued], Awaitable[None]],
    *,
    on_complete: Callable[[], Awaitable[None]] | None = None,
    private_key: bytes | None = None,
    replaces: str | None = None,
    unsaved: Mapping[str, Credential] | None,
    run: Run | None = None,
    failures: int = 0,
) -> Issued:
    """Order what the definition says, and ``deliver`` it; the caller holds the order's lock.

    The journal knows the order as ``journal_name``, which is the lock's name, too. ``on_complete``
    is called as soon as no CNAME is missing. ``private_key``
    (PEM) is used again if it is of the wanted kind, ``replaces`` is an ARI identifier, and
    ``unsaved`` credentials win over stored ones. Others of the ``run`` hear what is down, and that
    the certificate has failed so often in a row before.
    """
    # Finding it refuses what is neither an account nor a CA.
    stored = await manager.accounts.find(account)
    methods = await manager.methods.make(definition, unsaved)
    url = stored.directory_url if stored else directory_url(account)
    needs, run = Needs.of(definition, account, url, methods, failures), run or Run()
    with run.outages.watching(needs):
        # First of all the account: what a person agreed to is kept when the plan stops.
        async with manager.clients.use(account) as client:
            plan = await make_plan(
                definition.parsed_identifiers,
                methods.for_account(client.account_url).choose,
                methods.resolver,
                register=True,
                directory_url=url,
                profile=definition.wanted_profile,
            )
            plan.require_complete()
            if on_complete:
                await on_complete()
            order = OrderRun(
                client,
                manager.journal,
                methods.resolver,
                manager.providers.for_publication,
                emit,
                _Others(run, needs),
            )
            return await order.obtain(
                OrderRequest(
                    journal_name,
                    plan,
                    key_type=definition.key_type,
                    private_key=private_key,
                    csr=definition.given_csr,
                    profile=await _profile(client, definition, account, emit),
                    preferred_chain=definition.preferred_chain,
                    replaces=replaces,
                    order_seconds=manager.run.order_seconds,
                    ignore_caa=definition.ignore_caa,
                ),
                deliver,
            )


async def _profile(
    client: AcmeClient, definition: CertificateDefinition, account: str, emit: Emit
) -> str:
    """Return the profile, which the CA need not have if it is preferred or a fallback's."""
    profile = definition.wanted_profile
    if profile and (not definition.profile or account in definition.fallback_accounts):
        directory = await client.directory()
        if profile not in directory.profiles:
            emit(Warned(f"{client.directory_url} has no profile '{profile}': ordering without"))
            return ""
    return profile
