"""Tries with schemathesis whether an HTTP API is as its OpenAPI document says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Left out: positive_data_acceptance, because no schema says exactly what a network is, or which
# names and methods fit together.
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
)
# Where hypothesis keeps its tables of Unicode, which take two seconds to make.
_KEPT = Path(__file__).parents[2] / ".hypothesis"


def assert_as_described(document: str, settings: str, folder: Path) -> None:
    """Call what the document at a URL describes, with schemathesis's settings, which are TOML."""
    path = folder / "schemathesis.toml"
    path.write_text(settings)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(path), "run"),
            *("--checks", ",".join(_CHECKS), "--max-examples", "5", "--seed", "1"),
            *("--generation-database", "none", "--no-color", "--continue-on-failure"),
            document,
        ],
        cwd=folder,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(_KEPT)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
