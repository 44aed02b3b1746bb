"""What guards a password that somebody steals the hash of; other tests of the pages do without."""

from __future__ import annotations

import pytest

from tests.support.web_pages import PASSWORD
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.people.passwords import hash_password, is_password

pytestmark = pytest.mark.anyio


async def test_a_password_is_hashed_as_rfc_9106_recommends_where_memory_is_scarce() -> None:
    stored = await hash_password(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await is_password(stored, PASSWORD)
    assert not await is_password(stored, f"{PASSWORD}!")
    assert not await is_password("", PASSWORD)


@pytest.mark.parametrize(("length", "told"), [(9, "at least 10"), (1001, "at most 1000")])
async def test_a_password_of_unfit_length_is_told_what_fits(length: int, told: str) -> None:
    with pytest.raises(InvalidInputError, match=f"choose a password of {told} characters"):
        await hash_password("x" * length)
