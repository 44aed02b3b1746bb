"""Tests against a CA's staging directory: dry runs, and certificates to test with.

Neither touches the files or the state of the certificate that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from zoneproof.acme import find_ca
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AwaitingUserError, InvalidInputError, ZoneproofError
from zoneproof.issuance import Emit, Issued, tell_deletable
from zoneproof.manager.accounts.account import AccountTerms
from zoneproof.manager.accounts.clients import ClientPool
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.issue import issue
from zoneproof.manager.certificates.order import place_order
from zoneproof.manager.certificates.preview import preview
from zoneproof.manager.certificates.renew import EmitFor, Renewal, choose
from zoneproof.manager.certificates.store import DamagedCertificate, ManagedCertificate
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.manager import Manager

TESTED = "tested"
_SUFFIX = "-staging"
_DRY_RUN = ".dry-run-"  # and a name: what no certificate can be named


class Staging(msgspec.Struct, frozen=True):
    """The account for tests, and what it needs to be registered. ``production`` is the CA's title.

    ``account`` is empty where the CA has no staging directory.
    """

    account: str
    terms: AccountTerms
    production: str

    async def sign_in(self, clients: ClientPool) -> str:
        """Return the account, which is registered if it was not.

        Raises InvalidInputError where there is none, AcmeError.
        """
        if not self.account:
            raise InvalidInputError(
                f"{self.production} has no staging directory: try the CA of another account with"
                " --ca, or name one for all tests in settings.toml, as staging_account"
            )
        async with clients.use(self.account, self.terms):
            pass
        return self.account


async def find_staging(manager: Manager, definition: CertificateDefinition) -> Staging:
    """Return where the definition is tested: what the settings say, else its CA's own staging.

    Who agreed to a CA's terms for its account is taken to agree to those of its staging. Raises
    InvalidInputError for an account that is neither stored nor a CA.
    """
    account = definition.account or manager.settings.account
    stored = await manager.accounts.find(account)
    ca = find_ca(stored.directory_url if stored else account)
    staging = manager.settings.staging_account or (account if ca.staging == ca.name else ca.staging)
    terms = manager.run.terms
    if stored and stored.account_url and ca.staging == staging:
        contact = next((one for one in stored.contact if one.startswith("mailto:")), "")
        email = terms.email or contact.removeprefix("mailto:")
        terms = replace(terms, agree_to_terms=True, email=email)
    return Staging(staging, terms, ca.title)


async def definition_for_tests(
    manager: Manager, definition: CertificateDefinition, staging: Staging
) -> CertificateDefinition:
    """Return the definition of a certificate of its own to test with, which is not renewed.

    Raises InvalidInputError if a certificate that is not a test has its name, and as
    :meth:`Staging.sign_in` does.
    """
    account = await staging.sign_in(manager.clients)
    name = definition.name.removesuffix(_SUFFIX) + _SUFFIX
    test = _at(definition, account)
    test = replace(test, name=name, renew=False, pkcs12=False, combined=False).check()
    stored = await manager.certificates.find(name)
    if stored and stored.definition.account != account:
        raise InvalidInputError(
            f"{name} already exists, and is not a test: give the test another name with --name"
        )
    if stored is None and manager.files.exist(name):
        raise InvalidInputError(
            f"{manager.files.live(name)} holds a certificate that is not managed: 'zoneproof remove"
            f" {name} --delete-files' deletes it, or give the test another name with --name"
        )
    return test


def _at(definition: CertificateDefinition, account: str) -> CertificateDefinition:
    # A test CA's roots have other names, and what it cannot do no other one should.
    return replace(definition, account=account, fallback_accounts=(), preferred_chain="", deploy=())


async def dry_run(
    manager: Manager,
    definition: CertificateDefinition,
    staging: Staging,
    emit: Emit,
    *,
    unsaved: Mapping[str, Credential] | None = None,
) -> Issued:
    """Obtain a certificate from the staging directory, and keep nothing of it.

    The account there stays, and so do registrations at acme-dns services, to which CNAMEs lead.
    ``unsaved`` credentials win over stored ones. Raises what an order raises; after
    AwaitingUserError the next dry run continues with the same order.
    """
    account, name = await staging.sign_in(manager.clients), f"{_DRY_RUN}{definition.name}"
    await manager.leftovers.clean_up(emit, leave=name)
    doing = f"dry run for {', '.join(definition.identifiers)} with the account {account}"
    with (
        manager.home.lock(name, f"is in a dry run of {definition.name}"),
        manager.logs.following(definition.name, doing, emit) as tell,
    ):
        waits = False
        try:
            return await place_order(
                manager,
                name,
                _at(definition, account),
                account,
                tell,
                _throw_away,
                unsaved=unsaved,
            )
        except AwaitingUserError as error:
            waits = True
            text = f"{error.message}; then run this again"
            raise AwaitingUserError(text, records=error.records) from error
        finally:
            for order in [] if waits else await manager.journal.open_orders(name):
                await manager.journal.close_order(order.id, error="it was a dry run")
            await tell_deletable(manager.journal, name, tell)


async def _throw_away(_: Issued) -> None:
    """Keep nothing."""


async def try_renewals(
    manager: Manager,
    emit_for: EmitFor,
    *,
    names: Sequence[str],
    keep: bool,
    on_result: Callable[[Renewal], None] | None,
) -> list[Renewal]:
    """Try the renewal of the named certificates, by default of all that are to be renewed.

    All are tried, due or not. With ``keep`` each gets a certificate of its own to test with, else
    it is a dry run; where a CA has no staging directory, that is a preview. Never raises for a
    single certificate. Raises InvalidInputError for an unknown name, StorageError.
    """

    async def one(found: ManagedCertificate | DamagedCertificate) -> Renewal:
        identifiers: tuple[str, ...] = ()
        try:
            if isinstance(found, DamagedCertificate):
                raise found.error
            identifiers = found.definition.identifiers
            reason = await _test(manager, found.definition, emit_for(found.name), keep=keep)
            result = Renewal(found.name, TESTED, identifiers, reason)
        except AwaitingUserError as error:
            result = Renewal(found.name, "awaiting user", identifiers, error=error)
        except ZoneproofError as error:
            result = Renewal(found.name, "failed", identifiers, error=error)
        if on_result:
            on_result(result)
        return result

    chosen = await choose(manager.certificates, names)
    return await all_at_once(map(one, chosen), manager.settings.parallel)


async def _test(
    manager: Manager, definition: CertificateDefinition, emit: Emit, *, keep: bool
) -> str:
    """Return what the test shows, in words. Raises ZoneproofError if it fails."""
    staging = await find_staging(manager, definition)
    if keep:
        test = await definition_for_tests(manager, definition, staging)
        await manager.certificates.save(test)
        await issue(manager, test, emit)
        return f"{staging.account} issued {test.name}, which no client trusts"
    if staging.account:
        await dry_run(manager, definition, staging, emit)
        return f"{staging.account} issued a certificate, and nothing is kept"
    (found,) = await preview(manager, [definition])
    if found.would_fail:
        raise ZoneproofError(
            f"the preview finds problems: see 'zoneproof preview {definition.name}'",
            records=found.records,
        )
    return f"a preview finds no problem; {staging.production} has no staging directory"
