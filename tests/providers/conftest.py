"""What tests of providers share: RSA keys are read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@pytest.fixture(scope="session", autouse=True)
def _keys_read_once() -> Iterator[None]:
    """Reading an RSA key means checking its primes, which takes most of the time of a test."""
    with pytest.MonkeyPatch.context() as patch:
        read = "zoneproof.providers.rsa_key.load_pem_private_key"
        patch.setattr(read, cache(load_pem_private_key))
        yield
