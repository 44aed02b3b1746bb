"""``settings.toml``: what is wrong with it is told at once, not one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoneproof.core.errors import ConfigError
from zoneproof.manager.settings import load_settings


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            'acount = "letsencrypt"\nparallel = "many"\n[dns]\nresolver = []\n',
            ("'acount' is not known", "'parallel' must be a whole number", "'dns.resolver'"),
        ),
        (
            'parallel = 0\nfailover_after = 0\nemail = "x"\nkey_mode = "9"\n[provider.nosuch]\n',
            ("parallel must be", "failover_after must be", "email: ", "'9'", "provider 'nosuch'"),
        ),
    ],
    ids=["form", "values"],
)
def test_all_errors_are_told(tmp_path: Path, text: str, problems: tuple[str, ...]) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(ConfigError) as told:
        load_settings(tmp_path)
    assert told.value.message.count(str(tmp_path)) == 1
    for problem in problems:
        assert problem in told.value.message
