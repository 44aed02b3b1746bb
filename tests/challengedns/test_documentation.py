"""What the documentation shows as a configuration is one."""

from __future__ import annotations

import re
from pathlib import Path

from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.zonefile import compile_zones

PAGE = Path(__file__).parents[2] / "docs" / "challenge-service.md"


def test_the_documented_configuration_is_complete_and_right(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "zoneproof.toml"
    path.write_text(text)
    config = load_config(path)
    (zone,) = compile_zones(path, config.zones)
    assert len(zone.rrsets) == 5
    for section in (config.dns, config.api):
        shown = set(re.findall(r"^(\w+) =", text, re.MULTILINE)) | {"certificate", "key", "auto"}
        documented = set(type(section).__dataclass_fields__) - {"open_registration"}
        assert documented <= shown
