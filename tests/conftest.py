"""Fixtures that every room's tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("no timing", deadline=None)
settings.load_profile("no timing")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the program runs on."""
    return "asyncio"
