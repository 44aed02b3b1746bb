"""The service's log: a line for each event, never a flood, never a secret."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.challengedns.processes import kill_workers
from tests.challengedns.world import Service, register, request, txt, update, write_config
from zoneproof.challengedns import logs
from zoneproof.challengedns.logs import FloodGate, LogSettings


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root, ours = logging.getLogger(), logging.getLogger("zoneproof")
    kept = (root.handlers[:], root.level, ours.level)
    yield root
    root.handlers[:], level, our_level = kept
    root.setLevel(level)
    ours.setLevel(our_level)


def with_log(path: Path, lines: str) -> Path:
    path.write_text(path.read_text().replace("[api]", f"[log]\n{lines}\n[api]", 1))
    return path


def test_each_line_is_json_if_wanted_and_refusals_say_why_without_the_key(tmp_path: Path) -> None:
    with Service(with_log(write_config(tmp_path), 'format = "json"')) as service:
        account = register(service.url)
        wrong = account._replace(password="wrong-secret-key")
        assert update(service.url, wrong, txt("v")).status == 401
        line = json.loads(service.wait_for_line("refused"))
        assert line["level"] == "warning"
        assert "wrong API key" in line["message"]
        assert line["time"].endswith("+00:00")
        kill_workers(service)
        ended = json.loads(service.wait_for_line("worker.*ended.*tcp|tcp.*ended"))
        assert ended["transport"] in {"udp", "tcp"}
        service.stop(signal.SIGTERM)
        lines = list(service.lines)
    assert lines[0].startswith("challenge service ready")
    assert all(json.loads(line)["message"] for line in lines[1:])
    said = "\n".join(lines)
    assert "wrong-secret-key" not in said
    assert account.password not in said


def test_below_the_level_nothing_is_said(tmp_path: Path) -> None:
    with Service(with_log(write_config(tmp_path), 'level = "error"')) as service:
        account = register(service.url)
        assert update(service.url, account, "nonsense").status == 400
        service.stop(signal.SIGTERM)
        assert len(service.lines) == 1


def test_a_flood_of_refusals_cannot_fill_the_disk(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        for _ in range(300):
            update(service.url, account, "nonsense")
        service.stop(signal.SIGTERM)
        refusals = [line for line in service.lines if "refused" in line]
    assert 50 <= len(refusals) < 200


def test_what_a_stranger_sends_cannot_forge_a_line(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        body = json.dumps({"allowfrom": ["x\nERROR forged"]})
        assert request(service.url, "POST", "/register", body).status == 400
        service.wait_for_line("refused")
        service.stop(signal.SIGTERM)
        assert not [line for line in service.lines if line.startswith("ERROR")]


def test_after_a_flood_the_next_line_says_how_many_were_held_back() -> None:
    now = [0.0]
    gate = FloodGate(lambda: now[0])

    def let_through(line: int) -> logging.LogRecord | None:
        record = logging.LogRecord("a.b", logging.INFO, "", line, "x", (), None)
        return record if gate.filter(record) else None

    passed = [let_through(1) for _ in range(70)]
    assert sum(record is not None for record in passed) == 50
    assert let_through(2) is not None
    now[0] = 10.0
    record = let_through(1)
    assert record is not None
    assert record.held_back == 20  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_stays_on_one_line(
    form: str, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(LogSettings("json" if form == "json" else "text"))
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        logging.getLogger("zoneproof.x").exception(
            "it failed\n%s", "here", extra=logs.facts(worker=7)
        )
    (line,) = capsys.readouterr().err.splitlines()
    assert "bad" in line
    if form == "json":
        assert json.loads(line)["worker"] == 7
