"""Makes the page of each provider, ``docs/providers/<slug>.md``, and the tables of all of them.

Run it with ``python -m tests.docs.provider_pages`` after a change of any ``info``.
"""

from __future__ import annotations

from pathlib import Path

from tests.docs import all_providers
from tests.docs.page import DOCS
from zoneproof.providers import describe, slugs
from zoneproof.providers.pages import page

FOLDER = DOCS / "providers"


def path_of(slug: str) -> Path:
    """Return the page of a provider."""
    return FOLDER / f"{slug}.md"


def main() -> None:
    """Write the pages that are not as they should be."""
    for slug in slugs():
        text = page(describe(slug))
        if not path_of(slug).exists() or path_of(slug).read_text("utf-8") != text:
            path_of(slug).write_text(text, "utf-8")
    tables = all_providers.rewrite(all_providers.PAGE.read_text("utf-8"))
    all_providers.PAGE.write_text(tables, "utf-8")


if __name__ == "__main__":
    main()
