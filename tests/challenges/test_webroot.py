"""Files below a web server's folder: where they go, who may read them, what stays behind."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.challenges.webroot import Leftover, Webroot
from zoneproof.core.errors import AcmeConnectionError, HttpResponderError, InvalidInputError


def challenge_file(webroot: Path, token: str = "token") -> Path:
    return webroot / ".well-known/acme-challenge" / token


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
async def test_everybody_may_read_the_file_whatever_the_umask(tmp_path: Path) -> None:
    await Webroot(tmp_path).put("token", "token.thumbprint")
    file = challenge_file(tmp_path)
    assert file.read_text() == "token.thumbprint"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o755


async def test_removing_leaves_nothing_of_ours(tmp_path: Path) -> None:
    webroot = Webroot(tmp_path)
    for _ in range(2):
        await webroot.put("token", "token.thumbprint")
    for _ in range(2):
        await webroot.remove("token")
    assert list(tmp_path.iterdir()) == []


async def test_folders_that_were_there_stay(tmp_path: Path) -> None:
    challenge_file(tmp_path).parent.mkdir(parents=True)
    webroot = Webroot(tmp_path)
    await webroot.put("token", "token.thumbprint")
    await webroot.remove("token")
    assert list(challenge_file(tmp_path).parent.iterdir()) == []


async def test_somebody_elses_file_stays(tmp_path: Path) -> None:
    webroot = Webroot(tmp_path)
    await webroot.put("token", "token.thumbprint")
    other = challenge_file(tmp_path, "other")
    other.write_text("of another client")
    await webroot.remove("token")
    assert other.read_text() == "of another client"


async def test_many_orders_in_one_webroot_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The folders come and go all the time; whoever writes makes them again."""

    async def one(number: int) -> None:
        webroot = Webroot(tmp_path)
        for _ in range(10):
            token = f"token{number}"
            await webroot.put(token, "text")
            assert challenge_file(tmp_path, token).read_text() == "text"
            await webroot.remove(token)

    await asyncio.gather(*(one(number) for number in range(8)))
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


async def test_a_crash_at_any_moment_is_mended_from_what_was_noted_before(tmp_path: Path) -> None:
    leftover = Webroot(tmp_path).leftover("token")
    assert leftover == Leftover(tmp_path, "token", 2)
    await Webroot(tmp_path).put("token", "text")
    challenge_file(tmp_path, ".token.new").write_text("half a te")
    for _ in range(2):
        await Webroot.remove_leftover(leftover)
    assert list(tmp_path.iterdir()) == []


async def test_a_linked_folder_is_followed_and_a_linked_file_is_replaced(tmp_path: Path) -> None:
    shared, site, victim = tmp_path / "shared", tmp_path / "site", tmp_path / "victim"
    for folder in (shared, site):
        folder.mkdir()
    victim.write_text("untouched")
    (site / ".well-known").symlink_to(shared)
    (shared / "acme-challenge").mkdir()
    for name in ("token", ".token.new"):
        (shared / "acme-challenge" / name).symlink_to(victim)
    webroot = Webroot(site)
    await webroot.put("token", "text")
    assert (shared / "acme-challenge/token").read_text() == "text"
    await webroot.remove("token")
    assert victim.read_text() == "untouched"
    assert (site / ".well-known").is_symlink()


@given(st.text(min_size=1))
def test_no_token_leads_out_of_the_folder(token: str) -> None:
    webroot = Webroot(Path("/nonexistent/webroot"))
    try:
        leftover = webroot.leftover(token)
    except AcmeConnectionError:
        return
    assert not set(leftover.token) & set("/\\.\0")


async def test_a_webroot_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"missing is not a directory: name the one"):
        await Webroot(tmp_path / "missing").check()
    with pytest.raises(InvalidInputError, match="is not a directory"):
        await Webroot(tmp_path / "missing").put("token", "text")


async def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / ".well-known").write_text("a file")
    with pytest.raises(HttpResponderError, match=r"cannot write .*: Not a directory"):
        await Webroot(tmp_path).put("token", "text")
    await Webroot(tmp_path).remove("token")


async def test_checking_changes_nothing(tmp_path: Path) -> None:
    await Webroot(tmp_path).check()
    assert list(tmp_path.iterdir()) == []


async def test_closing_removes_what_is_left(tmp_path: Path) -> None:
    webroot = Webroot(tmp_path)
    await webroot.put("one", "text")
    await webroot.put("two", "text")
    await webroot.close()
    assert list(tmp_path.iterdir()) == []
