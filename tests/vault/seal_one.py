"""A process that seals one secret: ``seal_one.py HOME`` waits for a line and prints it."""

from __future__ import annotations

import sys
from pathlib import Path

from zoneproof.vault import open_vault

print("ready", flush=True)
sys.stdin.readline()
print(open_vault(Path(sys.argv[1])).seal(b"secret", "t|1|c"), flush=True)
