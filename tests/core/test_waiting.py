"""Waiting for files."""

from __future__ import annotations

import os
from contextlib import closing
from socket import socketpair

import pytest

from zoneproof.core.waiting import readable


def test_what_can_be_read_or_has_ended_is_found() -> None:
    one, other = socketpair()
    with closing(one), closing(other):
        reading, writing = os.pipe()
        assert readable([one.fileno(), reading], 0) == []
        other.send(b"x")
        assert readable([one.fileno(), reading], None) == [one.fileno()]
        os.close(writing)
        assert readable([reading], None) == [reading]
        os.close(reading)


@pytest.mark.timeout(20)
def test_no_time_left_is_not_without_end() -> None:
    one, other = socketpair()
    with closing(one), closing(other):
        assert readable([one.fileno()], -0.5) == []
