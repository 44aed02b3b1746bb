"""What guards a password that somebody steals the hash of; other tests of the pages do without."""

from __future__ import annotations

import pytest

from tests.support.web_pages import PASSWORD
from zoneproof.manager.people.passwords import hash_password, is_password

pytestmark = pytest.mark.anyio


async def test_a_password_is_hashed_as_rfc_9106_recommends_where_memory_is_scarce() -> None:
    stored = await hash_password(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await is_password(stored, PASSWORD)
    assert not await is_password(stored, f"{PASSWORD}!")
    assert not await is_password("", PASSWORD)
