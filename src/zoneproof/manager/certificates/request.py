"""Requests a certificate as people do: what is wanted is saved, or set aside, and then issued."""

from __future__ import annotations

from zoneproof.core.errors import CaaError, ZoneproofError
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.issue import Outcome, issue
from zoneproof.manager.certificates.options import Proposal
from zoneproof.manager.certificates.proposal import take_up
from zoneproof.manager.manager import Manager


async def request(
    manager: Manager, wanted: Proposal, before: CertificateDefinition | None, emit: Emit
) -> Outcome:
    """Save what is wanted, in the place of ``before``, and issue it.

    A change of what works is saved once it has worked; that it was not is told. Raises what
    :func:`~zoneproof.manager.certificates.issue.issue` raises.
    """
    change = await take_up(manager, wanted, before, emit)
    try:
        return await issue(manager, wanted.definition, emit, change=change)
    except CaaError:
        raise
    except ZoneproofError:
        if change:
            name = wanted.definition.name
            emit(
                Warned(
                    f"the saved definition of {name} is unchanged until this works: 'zoneproof "
                    f"resume {name}' tries again, 'zoneproof edit {name}' with the same options"
                    " saves them at once"
                )
            )
        raise
