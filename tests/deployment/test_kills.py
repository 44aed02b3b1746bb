"""Deployments that are killed at any moment are neither repeated, nor half, nor forgotten."""

from __future__ import annotations

import pytest

from bench.soak import deploy


def test_the_run_after_a_kill_does_what_is_left_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deploy.kill(count=2, seed=8)
    assert "none twice, half or never" in capsys.readouterr().out
