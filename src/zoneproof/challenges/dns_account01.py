"""The dns-account-01 challenge: dns-01 at a name that is the CA account's own.

A label in it is made of the account's URL (draft-ietf-acme-dns-account-label section 3). So several
clients, each with an account of its own, validate the same domain, and each has its own CNAME.
"""

from __future__ import annotations

import base64
import hashlib
from typing import ClassVar, Self

from msgspec.structs import replace

from zoneproof.challenges.dns01 import LABEL, DnsMethod
from zoneproof.core.errors import NotRegisteredError

TYPE = "dns-account-01"


def account_label(account_url: str) -> str:
    """Return what stands before the domain in the account's challenge names.

    It is an underscore, 16 characters of base32 (RFC 4648 section 6) in lower case, and
    ``._acme-challenge``.
    """
    digest = hashlib.sha256(account_url.encode()).digest()
    return f"_{base64.b32encode(digest[:10]).decode().lower()}.{LABEL}"


class AccountMethod(DnsMethod, frozen=True, eq=False):
    """Validation by a TXT record at the name of the account with the URL; empty for none yet."""

    type: ClassVar[str] = TYPE
    longest_label: ClassVar[str] = account_label("")

    account_url: str = ""

    @property
    def label(self) -> str:
        """What stands before the domain. Raises NotRegisteredError as long as nobody knows."""
        if not self.account_url:
            raise NotRegisteredError(
                f"the challenge names of {TYPE} depend on the account at the CA: they are known"
                " once that is registered, by 'zoneproof account register' or the order"
            )
        return account_label(self.account_url)

    def for_account(self, account_url: str) -> Self:
        """Return the method for the account with the URL."""
        return replace(self, account_url=account_url)
