"""Renewals that are killed at any moment leave nothing behind, and lose no order."""

from __future__ import annotations

import pytest

from bench.soak import renewals


def test_the_run_after_a_kill_mends_everything(capsys: pytest.CaptureFixture[str]) -> None:
    renewals.run(count=8, seed=8)
    assert "open orders continued" in capsys.readouterr().out
