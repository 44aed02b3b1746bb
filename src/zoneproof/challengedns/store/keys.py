"""Keys: made, and compared with their hashes; bcrypt for those that came from acme-dns."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable

from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import RegistrationError, StorageError
from zoneproof.core.text import with_extra
from zoneproof.serving.limits import RateLimit, network_of

NO_KEY_HAS_THIS_HASH = "-" * 64

_LICENCE = re.compile(r"zp_([0-9a-f]{8})_[A-Za-z0-9_-]{40}")


def new_key() -> str:
    """Return a new API key: 40 characters of base64url, 240 random bits."""
    return secrets.token_urlsafe(30)


def new_licence_key() -> tuple[str, str]:
    """Return the id of a new licence key, 8 hex digits, and the key, in which the id stands."""
    key_id = secrets.token_hex(4)
    return key_id, f"zp_{key_id}_{new_key()}"


def licence_key_id(key: str) -> str | None:
    """Return the id that stands in a licence key; None if the text has not the form of one."""
    match = _LICENCE.fullmatch(key)
    return match[1] if match else None


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key, 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def has_hash(key: str, expected: str) -> bool:
    """Tell whether a key has a hash, in a time that tells nothing of either."""
    return hmac.compare_digest(expected, hash_key(key))


# Beyond cost 14 a single verification would take more than a second.
_HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")
_TRIES_PER_MINUTE = 10
_WAIT_SECONDS = 20.0


class UnverifiedKeyError(RegistrationError):
    """Nothing but the key's bcrypt hash speaks against the caller of the registration ``found``."""

    def __init__(self, registration: RegistrationRow) -> None:
        super().__init__("the API key came from acme-dns and is not verified", code="forbidden")
        self.found = registration


def _matches(key: str, key_hash: str) -> bool:
    require_bcrypt()
    import bcrypt

    try:
        return bcrypt.checkpw(key.encode(), key_hash.encode())
    except ValueError:  # has the form of a hash, and is none
        return False


class LegacyKeys:
    """Verifies keys with bcrypt, whose 50 to 100 ms of CPU nobody can take from all others.

    One verification runs at a time, in a thread. Addresses take turns, so a caller with many
    keys does not keep others waiting, and a caller has ten tries in a minute for a registration.
    """

    def __init__(
        self, matches: Callable[[str, str], bool] = _matches, wait_seconds: float = _WAIT_SECONDS
    ) -> None:
        """``matches`` tells whether a key is that of a hash; who waits longer is refused."""
        self._matches = matches
        self._wait_seconds = wait_seconds
        self._tries = RateLimit(_TRIES_PER_MINUTE / 60, _TRIES_PER_MINUTE)
        self._cpu = asyncio.Semaphore(1)
        self._turns = KeyedLocks()

    async def verify(
        self,
        key: str,
        registration: RegistrationRow,
        address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    ) -> bool:
        """Tell whether ``key`` is that of the registration, for a caller at ``address``.

        Raises RegistrationError ``rate_limited``, and StorageError if bcrypt is not installed.
        """
        network = network_of(str(address))
        if self._tries.take(f"{network} {registration.username}"):
            raise RegistrationError(
                f"{network} has tried too many keys of {registration.subdomain}",
                code="rate_limited",
            )
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await stack.enter_async_context(self._turns(network))
                    await stack.enter_async_context(self._cpu)
            except TimeoutError:
                raise RegistrationError(
                    f"too many keys that came from acme-dns wait to be verified for {network}",
                    code="rate_limited",
                ) from None
            return await asyncio.to_thread(self._matches, key, registration.key_hash)


def is_legacy(key_hash: str) -> bool:
    """Tell whether the hash of a key, as stored here, is one that came from acme-dns."""
    return key_hash.startswith("$2")


def is_bcrypt(text: str) -> bool:
    """Tell whether a text is a bcrypt hash that can be verified in reasonable time."""
    return _HASH.fullmatch(text) is not None


def require_bcrypt() -> None:
    """Raise StorageError if bcrypt is not installed."""
    try:
        import bcrypt  # noqa: F401  optional: the extra 'legacy'
    except ImportError as error:
        raise StorageError(
            "API keys of acme-dns are bcrypt hashes, and bcrypt is not installed:"
            f" {with_extra('legacy')}"
        ) from error
