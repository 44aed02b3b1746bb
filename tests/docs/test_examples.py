"""The files that the pages show are accepted as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import DOCS, blocks
from tests.support.command import run_zoneproof
from zoneproof.challengedns.config import load_config
from zoneproof.manager.settings import load_settings


def examples(page: str) -> list[str]:
    """Return the TOML files of a page."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    found = [content for kind, content in blocks(text) if kind == "toml"]
    assert found
    return found


def test_certs_toml_can_be_applied(tmp_path: Path) -> None:
    for number, example in enumerate(examples("certs-toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(example)
        home = {"ZONEPROOF_HOME": str(tmp_path / f"home{number}")}
        done = run_zoneproof("apply", "-f", str(file), environment=home)
        assert done.status == 0, done.stderr
        assert (
            "nothing to change" in run_zoneproof("apply", "-f", str(file), environment=home).stdout
        )


@pytest.mark.parametrize("page", ["manager", "notifications"])
def test_settings_toml_can_be_read(page: str, tmp_path: Path) -> None:
    for example in examples(page):
        (tmp_path / "settings.toml").write_text(example)
        load_settings(tmp_path)


@pytest.mark.parametrize("page", ["challenge-service", "moving-from-acme-dns"])
def test_zoneproof_toml_can_be_read(page: str, tmp_path: Path) -> None:
    for number, example in enumerate(examples(page)):
        file = tmp_path / f"{number}.toml"
        file.write_text(example)
        assert load_config(file).zones
