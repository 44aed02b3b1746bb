"""Writes what the tutorial's commands print today into its page.

Run it with ``python -m tests.docs.rewrite_tutorial`` after a change of what they print, and read
the difference.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.docs.page import with_outputs
from tests.docs.tutorial import PAGE, open_tutorial


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, open_tutorial(Path(folder)) as tutorial:
        PAGE.write_text(with_outputs(PAGE.read_text("utf-8"), tutorial.do), "utf-8")


if __name__ == "__main__":
    main()
