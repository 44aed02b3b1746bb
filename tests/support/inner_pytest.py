"""A pytest that a test runs, whatever whoever runs the test wants of pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "pytest")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    "PYTHONPATH": str(Path(__file__).parents[2]),
}
BARE = {
    **ENVIRONMENT,
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # which take most of the time, and none is needed
}
