"""The program in docs/acme-client.md runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from cryptography import x509

import zoneproof.acme
from zoneproof.acme import AcmeClient, key_from_pem
from zoneproof.testing.pebble import Pebble

TEXT = (Path(__file__).parents[2] / "docs/acme-client.md").read_text()
PROGRAM = next(re.finditer(r"```python\n(.*?)```", TEXT, re.DOTALL)).group(1)


def test_program_obtains_a_certificate(pebble: Pebble, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", pebble.directory_url, str(pebble.ca_bundle)]
    done = subprocess.run(
        [*command, "example.com", "*.example.com"],
        cwd=tmp_path,
        input="\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = re.compile(r'_acme-challenge\.example\.com\. 60 IN TXT "[\w-]{43}"')
    assert len(record.findall(done.stdout)) == 2
    certificate = x509.load_pem_x509_certificate((tmp_path / "fullchain.pem").read_bytes())
    key = key_from_pem((tmp_path / "privkey.pem").read_bytes())
    assert certificate.public_key() == key.public_key()
    assert (tmp_path / "privkey.pem").stat().st_mode & 0o777 == 0o600


def test_every_method_of_the_client_is_listed() -> None:
    methods = {name for name, value in vars(AcmeClient).items() if callable(value)}
    for method in methods:
        assert method.startswith("_") or f"`{method}(" in TEXT


def test_every_function_of_the_package_is_listed() -> None:
    functions = {name for name in zoneproof.acme.__all__ if name.islower()}
    for name in functions - {"directory_url"}:
        assert f"`{name}`" in TEXT or f"{name}(" in TEXT
