"""What no order can hold, and what no method can validate: checked before anything is done."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.challenges import dns01
from zoneproof.errors import InvalidInputError, InvalidNameError
from zoneproof.issuance.limits import find_limits
from zoneproof.issuance.method import DnsMethod, HttpMethod, Method
from zoneproof.names import Identifier


def check_identifiers(
    identifiers: Sequence[Identifier], *, directory_url: str = "", profile: str = ""
) -> tuple[Identifier, ...]:
    """Return the identifiers if one order can hold them.

    Raises InvalidInputError for none, one listed twice, a wildcard together with a name that it
    covers, and more names, or other ones, than the CA's profile takes.
    """
    if not identifiers:
        raise InvalidInputError("name at least one identifier, such as example.com")
    limits = find_limits(directory_url, profile)
    if len(identifiers) > limits.most_names:
        raise InvalidInputError(
            f"{len(identifiers)} names are too many for one certificate: {limits.what} at"
            f" most {limits.most_names}; split them over several certificates"
        )
    seen: set[Identifier] = set()
    wildcards = {one for one in identifiers if one.is_wildcard}
    for identifier in identifiers:
        if identifier in seen:
            raise InvalidInputError(f"{identifier} is listed twice: name it once")
        seen.add(identifier)
        if identifier.type == "ip":
            if not limits.ip_addresses:
                raise InvalidInputError(
                    f"{identifier} is an IP address: {limits.what} host names only; use the profile"
                    " shortlived"
                )
            continue
        if identifier.is_wildcard:
            continue
        covering = Identifier("dns", f"*.{identifier.domain.parent}")
        if covering in wildcards:
            raise InvalidInputError(
                f"{identifier} is covered by {covering}, and CAs refuse the two together: drop"
                f" {identifier}"
            )
    return tuple(identifiers)


def check_method(identifier: Identifier, method: Method) -> None:
    """Raise InvalidInputError if the method cannot validate such an identifier at all."""
    if isinstance(method, DnsMethod):
        check_has_dns(identifier)
    if isinstance(method, HttpMethod) and identifier.is_wildcard:
        raise InvalidInputError(
            f"{identifier} is a wildcard, which http-01 cannot validate: choose a DNS provider"
        )


def check_has_dns(identifier: Identifier) -> None:
    """Raise InvalidInputError for what dns-01 cannot validate.

    That is an IP address (RFC 8738), and a name that leaves no room for ``_acme-challenge``.
    """
    if identifier.type == "ip":
        raise InvalidInputError(
            f"{identifier} is an IP address: CAs do not validate those by DNS, only by http-01"
        )
    try:
        dns01.challenge_name(identifier)
    except InvalidNameError as error:
        raise InvalidInputError(
            f"{identifier} is too long to be validated by DNS: its challenge name would be longer"
            " than a domain name can be; use http-01"
        ) from error
