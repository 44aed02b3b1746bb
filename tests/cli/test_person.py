"""The audit logs name the system's user, whatever the environment says."""

from __future__ import annotations

import os
import pwd

import pytest

from zoneproof.cli.person import person


@pytest.fixture
def name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def test_variables_of_the_environment_name_nobody(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "mallory")
    assert person() == f"command line ({name})"


def test_whoever_became_root_by_sudo_is_named_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    also = ", by sudo of alice" if name == "root" else ""
    assert person() == f"command line ({name}{also})"
