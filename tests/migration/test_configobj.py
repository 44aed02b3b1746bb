"""The reader of certbot's configuration files, beside the ConfigObj that writes them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from configobj import ConfigObj  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from tests.support.trees import SECRET, write
from zoneproof.core.errors import InvalidInputError
from zoneproof.migration.configobj import Section, read_configobj

# What ConfigObj would write over several lines is left out: certbot's values are one line each.
VALUES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20).filter(
    lambda text: "'''" not in text and '"""' not in text and text.strip() == text
)
ITEMS = VALUES.filter(lambda text: text and not {'"', "'"} <= set(text))
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", max_size=9).map("a{}".format)


@given(st.dictionaries(NAMES, st.one_of(VALUES, st.lists(ITEMS, max_size=3))))
def test_what_configobj_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str | list[str]]
) -> None:
    path = tmp_path_factory.mktemp("written") / "file.conf"
    written = ConfigObj(interpolation=False)
    written["renewalparams"] = {**values, "webroot_map": values}
    written.filename = str(path)
    written.write()
    expected = {
        name: tuple(value) if isinstance(value, list) else (value,)
        for name, value in ConfigObj(str(path), interpolation=False)["renewalparams"].items()
        if not isinstance(value, dict)
    }
    section = read_configobj(path).section("renewalparams")
    assert section.values == expected
    assert section.section("webroot_map").values == expected


def read(tmp_path: Path, text: str) -> Section:
    return read_configobj(write(tmp_path / "file.conf", text))


def test_sections_end_where_one_of_their_level_begins(tmp_path: Path) -> None:
    root = read(tmp_path, "a = 1\n[one]\n[[deep]]\nb = 2\n[two]\nc = 3\n")
    assert root.text("a") == "1"
    assert root.section("one").section("deep").text("b") == "2"
    assert root.section("two").text("c") == "3"


def test_comments_are_no_part_of_values(tmp_path: Path) -> None:
    root = read(tmp_path, "# first\nkey = value # why\nquoted = '# not'\nlist = a, # b\n")
    assert root.text("key") == "value"
    assert root.text("quoted") == "# not"
    assert root.items("list") == ("a",)


def test_none_and_true_are_understood(tmp_path: Path) -> None:
    root = read(tmp_path, "nothing = None\nyes = True\nno = False\n")
    assert root.text("nothing") == ""
    assert root.is_true("yes")
    assert not root.is_true("no")


@pytest.mark.parametrize(
    "line",
    [SECRET, f"[{SECRET}", f"[[[{SECRET}]]]", f"= {SECRET}", f"key = '{SECRET}", "k = 'a' b"],
)
def test_a_wrong_line_is_named_by_its_number_alone(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, f"fine = 1\n{line}\n")
    assert caught.value.message.startswith(f"{tmp_path}/file.conf: line 2")
    assert SECRET not in caught.value.message


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "file.conf"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(InvalidInputError):
        read_configobj(path)


def test_values_do_not_show(tmp_path: Path) -> None:
    assert SECRET not in repr(read(tmp_path, f"[one]\nkey = {SECRET}\n"))
