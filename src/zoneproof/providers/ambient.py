"""Whether fields lead to an identity of the machine, where that is not a field of its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class _Credentials(msgspec.Struct):
    type: str


def is_not_a_google_key(fields: Mapping[str, str]) -> bool:
    """Tell whether Google's ``credentials`` are something else than a service account's key.

    Then the machine's account is used, or a token from a file or a URL that they name. What cannot
    be read is neither, and refused elsewhere.
    """
    try:
        found = msgspec.json.decode(fields["credentials"], type=_Credentials)
    except msgspec.DecodeError:
        return not fields["credentials"]
    return found.type != "service_account"
