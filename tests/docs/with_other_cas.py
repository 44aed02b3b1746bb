"""Runs ``zoneproof`` with known CAs elsewhere: $TUTORIAL_CAS has their directories by name."""

from __future__ import annotations

import json
import os

from msgspec.structs import replace

from zoneproof.acme import KNOWN
from zoneproof.cli import main

if __name__ == "__main__":
    for name, url in json.loads(os.environ["TUTORIAL_CAS"]).items():
        KNOWN[name] = replace(KNOWN[name], directory_url=url)  # type: ignore[index]
    main()
