"""Prints how each provider is tested, for ``docs/providers/README.md``.

``scripts/providers-table`` runs it. What the contract's tests say is found out by running them;
with ``--quick`` that column stays empty.
"""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from tests.docs.page import ROOT
from tests.providers.api_contract import ApiRow
from tests.providers.recorded_exchanges import RECORDED
from zoneproof.providers import catalog, describe, slugs
from zoneproof.providers.registry import load

_HEAD = """# How the providers are tested

[All providers](../all-providers.md) helps to find the one that you have. This page was made
by `scripts/providers-table`. "Made from" says what the fake of the API follows, or which
server the tests use; "recorded" whether exchanges that others recorded with the service agree,
which `tests/providers/test_recorded.py` tests.

| | provider | fields | made from | recorded | contract | lines: module, fake, tests |
|---|---|---|---|---|---|---|"""
_REAL = {
    "acme-dns": "a fake of acme-dns (its source, 2025), and Zoneproof's own service",
    "certify-dns": "Zoneproof's own service",
    "challenge": "Zoneproof's own service",
    "exec": "programs",
    "manual": "nothing: a person",
    "msdns": "a program in ssh's place (reference of the DnsServer module, Posh-ACME, 2026)",
    "rfc2136": "Knot DNS and BIND (Debian, 2025)",
    "script": "scripts",
    "tencentcloud": "the fake of dnspod, which has the same API",
}


def row_of(slug: str) -> type[ApiRow] | None:
    """Return the test class that is a provider's row of the contract."""
    name = f"tests.providers.test_{catalog.MODULES[slug].partition(':')[0]}"
    if not (ROOT / f"{name.replace('.', '/')}.py").exists():
        return None
    for one in vars(importlib.import_module(name)).values():
        if inspect.isclass(one) and issubclass(one, ApiRow) and getattr(one, "slug", "") == slug:
            return one
    return None


def contract_result(tests: Path) -> str:
    """Run a provider's tests, and return what came of them."""
    command = [sys.executable, "-m", "pytest", "-q", str(tests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    found = re.search(r"(\d+ (?:passed|failed).*?) in ", done.stdout)
    return found[1] if found else "did not run"


def line_count(path: Path) -> int:
    """Return the lines of a file."""
    return len(path.read_text("utf-8").splitlines())


def main() -> None:
    """Print the table."""
    quick = "--quick" in sys.argv
    print(_HEAD)
    counts: list[tuple[int, int, int]] = []
    for slug in slugs():
        info, row = describe(slug), row_of(slug)
        fields = ", ".join(f"`{one.name}`" for one in info.fields if not one.rare)
        source, recorded, result, lines = _REAL.get(slug, "MISSING"), "", "", ""
        if row:
            paths = [Path(inspect.getfile(one)) for one in (load(slug), row.fake, row)]
            counts.append((line_count(paths[0]), line_count(paths[1]), line_count(paths[2])))
            source, recorded = row.fake.sources, row.fake.recorded
            if recorded.startswith("agree") and slug not in RECORDED:
                recorded += " (read, not tested)"
            lines = ", ".join(map(str, counts[-1]))
            result = "" if quick else contract_result(paths[2])
        cells = [f"[`{slug}`]({slug}.md)", info.title, fields, source, recorded, result, lines]
        print(f"| {' | '.join(cells)} |")
    medians = [f"{median(column):.0f}" for column in zip(*counts, strict=True)]
    print(f"\nMedians of the lines: {', '.join(medians)}.")


if __name__ == "__main__":
    main()
