"""Retry-After, Link and Replay-Nonce are read in every form, and garbage harms nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.acme.http import links, replay_nonce
from zoneproof.core.http import retry_at

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
BASE = "https://ca.test/cert/1"


@pytest.mark.parametrize("value", ["120", " 120 ", "Sat, 01 Aug 2026 12:02:00 GMT"])
def test_retry_after_is_seconds_or_a_date(value: str) -> None:
    assert retry_at(value, NOW) == NOW + timedelta(minutes=2)


@pytest.mark.parametrize("value", ["Saturday, 01-Aug-26 12:02:00 GMT", "Sat Aug  1 12:02:00 2026"])
def test_obsolete_forms_of_dates_are_read(value: str) -> None:
    assert retry_at(value, NOW) == NOW + timedelta(minutes=2)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "१२०", "Sat, 99 Aug 2026"])
def test_garbage_in_retry_after_counts_as_absent(value: str | None) -> None:
    assert retry_at(value, NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "9" * 30,
        "99999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
    ],
)
def test_absurd_retry_after_is_cut_to_a_year(value: str) -> None:
    assert retry_at(value, NOW) == NOW + timedelta(days=366)


@given(st.text(max_size=60))
def test_retry_after_never_raises(value: str) -> None:
    moment = retry_at(value, NOW)
    assert moment is None or moment <= NOW + timedelta(days=366)


@given(st.integers(0, 10**7))
def test_both_forms_of_retry_after_mean_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_at(str(seconds), NOW) == retry_at(date, NOW)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (['<https://ca.test/cert/1/alt/1>;rel="alternate"'], ["https://ca.test/cert/1/alt/1"]),
        (
            ["</x>; rel=alternate, <y>; rel=alternate"],
            ["https://ca.test/x", "https://ca.test/cert/y"],
        ),
        (["<https://a/>;rel=index", "<https://b/>;rel=alternate"], ["https://b/"]),
        (['<https://a/>; title="a, <b>; rel=index"; rel="up ALTERNATE"'], ["https://a/"]),
        (["<https://a/>; REL = alternate ; x"], ["https://a/"]),
        (["<https://a/>; rel=index; rel=alternate"], []),
        (["<https://a/>", "nonsense; rel=alternate", "<"], []),
        (["<//[/>; rel=alternate"], []),
    ],
)
def test_links_are_found_by_relation(values: list[str], expected: list[str]) -> None:
    assert links(values, "alternate", BASE) == expected


@given(st.lists(st.text(max_size=80), max_size=4))
def test_link_parsing_never_raises(values: list[str]) -> None:
    links(values, "alternate", BASE)


@given(
    st.lists(
        st.tuples(
            st.text("abc/?=&,;-", min_size=1, max_size=10),
            st.sampled_from(["alternate", "index", "up"]),
            st.text('abc;,<>=\\" ', max_size=10),
        ),
        max_size=5,
    )
)
def test_links_that_were_written_are_read_back(written: list[tuple[str, str, str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    value = ", ".join(
        f"<https://ca.test/_/{path}>; title={quoted(title)}; rel={quoted(relation)}"
        for path, relation, title in written
    )
    expected = [f"https://ca.test/_/{path}" for path, relation, _ in written if relation == "up"]
    assert links([value], "up", BASE) == expected


@pytest.mark.parametrize("value", [None, "", "with space", "a" * 513, "ü", "a=b", 'x"y'])
def test_nonce_that_is_not_base64url_is_ignored(value: str | None) -> None:
    assert replay_nonce(value) is None


def test_nonce_is_taken_as_it_is() -> None:
    assert replay_nonce("oFvnlFP1wIhRlYS2jTaXbA") == "oFvnlFP1wIhRlYS2jTaXbA"
