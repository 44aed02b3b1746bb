"""Fixtures that every room's tests share."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# Whoever runs the tests in the background of a shell has SIGINT ignored, and so would all that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("no timing", deadline=None)
settings.load_profile("no timing")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the program runs on."""
    return "asyncio"
