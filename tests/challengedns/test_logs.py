"""The service's log: a line for each event, never a flood, never a secret."""

from __future__ import annotations

import json
import logging
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.challengedns.processes import kill_workers
from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
    write_config,
)
from zoneproof.serving import logs
from zoneproof.serving.logs import FloodGate, ServerLogSettings

FILTER = Path(__file__).parents[2] / "packaging" / "fail2ban" / "zoneproof-challenge.conf"


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
        assert line["time"].endswith("Z")
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


def test_a_refusal_names_the_address_and_where_it_is_known_the_registration(
    tmp_path: Path,
) -> None:
    path = with_log(write_config(tmp_path, api='trusted_proxies = ["127.0.0.1"]'), 'format="json"')
    with Service(path) as service:
        account = register(service.url)
        body = json.dumps({"subdomain": account.subdomain, "txt": "short"})
        request(
            service.url,
            "POST",
            "/update",
            body,
            {**account.headers, "X-Forwarded-For": "192.0.2.7"},
        )
        known = json.loads(service.wait_for_line("bad_txt"))
        assert (known["address"], known["registration"]) == ("192.0.2.7", account.subdomain)
        assert known["message"].startswith("192.0.2.7 refused (bad_txt): POST /update: ")
        request(service.url, "POST", "/update", body, {"X-Forwarded-For": "2001:db8::7"})
        unknown = json.loads(service.wait_for_line("unknown API user"))
        assert (unknown["address"], unknown["code"]) == ("2001:db8::7", "forbidden")
        assert "registration" not in unknown


def test_a_key_that_somebody_put_into_a_path_is_not_in_the_log(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with Service(path) as service:
        key = challenge_command(path, "key", "create", "--operator").stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        for method, where in (("DELETE", f"keys/{key}"), ("DELETE", f"keys/{key}x")):
            assert request(service.url, method, f"/api/v1/{where}", None, headers).status >= 400
        assert request(service.url, "GET", f"/api/v1/registrations/{key}").status == 401
        service.wait_for_line("refused.*GET /api/v1/registrations/[*]{3}: no licence key")
        service.stop(signal.SIGTERM)
        said = "\n".join(service.lines)
    assert key[12:30] not in said
    assert said.count("DELETE /api/v1/keys/***: ") == 2


def test_what_is_wrong_in_a_request_of_acme_dns_is_told_with_its_field(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert request(service.url, "POST", "/register", '{"allowfrom": "x"}').status == 400
        service.wait_for_line("JSON: 'allowfrom' must be a list, not text")
        assert request(service.url, "POST", "/register", '{"AllowFrom": [1]}').status == 400
        service.wait_for_line(r"JSON: 'allowfrom\[0\]' must be text, not a whole number")
        reply = request(service.url, "POST", "/update", '{"subdomain": []}', account.headers)
        assert reply.status == 400
        service.wait_for_line("JSON: 'subdomain' must be text, not a list")


def test_a_key_in_another_scheme_is_told_as_not_sent(tmp_path: Path) -> None:
    path = write_config(tmp_path, open_registration=False)
    with Service(path) as service:
        challenge_command(path, "tenant", "create", "acme")
        key = challenge_command(path, "key", "create", "acme").stdout.strip()
        headers = {"Authorization": f"Token {key}"}
        assert request(service.url, "POST", "/register", headers=headers).status == 401
        service.wait_for_line(
            "no licence key was sent as Bearer or Basic, in the path or in the form"
        )


def test_one_request_too_many_and_one_too_long_are_told_with_the_address(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("rate_limit_address = 0", "rate_limit_address = 2"))
    with Service(path) as service:
        assert request(service.url, "POST", "/register", b"x" * 17_000).status == 413
        service.wait_for_line(r"127\.0\.0\.1 refused \(payload_too_large\): POST /register: ")
        register(service.url)
        assert request(service.url, "POST", "/register").status == 429
        service.wait_for_line(r"127\.0\.0\.1 refused \(rate_limited\): POST /register: ")


def test_what_is_accepted_is_told_at_debug_without_the_keys(tmp_path: Path) -> None:
    path = write_config(tmp_path, open_registration=False)
    with Service(with_log(path, 'level = "debug"')) as service:
        challenge_command(path, "tenant", "create", "acme")
        key = challenge_command(path, "key", "create", "acme").stdout.strip()
        account = register(service.url, key)
        update(service.url, account, txt("a"))
        update(service.url, account, txt("a"), method="DELETE")
        registration = f"for registration {account.subdomain}"
        service.wait_for_line(f"DEBUG 127.0.0.1 accepted: POST /register {registration}")
        service.wait_for_line(f"DEBUG 127.0.0.1 accepted: POST /update {registration}")
        service.wait_for_line(f"DEBUG 127.0.0.1 accepted: DELETE /update {registration}")
        one = f"/api/v1/registrations/{account.subdomain}"
        headers = {"Authorization": f"Bearer {key}"}
        assert request(service.url, "DELETE", one, headers=headers).status == 204
        service.wait_for_line(f"DEBUG 127.0.0.1 accepted: DELETE {one}")
        said = "\n".join(service.lines)
    assert key not in said
    assert account.password not in said


def banned(lines: list[str]) -> list[str]:
    """Return whom fail2ban's filter finds in lines without a syslog prefix."""
    _, _, rest = FILTER.read_text().partition("failregex =")
    expressions = [line.strip() for line in rest.partition("\n\n")[0].splitlines()]
    patterns = [
        re.compile(each.replace("(?:%(__prefix_line)s)?", "").replace("<HOST>", r"(?P<host>\S+)"))
        for each in expressions
    ]
    return [match["host"] for line in lines for each in patterns if (match := each.match(line))]


@pytest.mark.parametrize("form", ["text", "json"])
def test_fail2bans_filter_finds_who_sends_wrong_keys_and_nobody_else(
    tmp_path: Path, form: str
) -> None:
    path = write_config(tmp_path, api='trusted_proxies = ["127.0.0.1"]', open_registration=False)

    def send(address: str, method: str, target: str, **headers: str) -> None:
        request(service.url, method, target, headers={**headers, "X-Forwarded-For": address})

    with Service(with_log(path, f'format = "{form}"')) as service:
        send("192.0.2.1", "POST", "/register")
        send("2001:db8::2", "POST", "/k/wrong/register")
        send("192.0.2.3", "GET", "/api/v1/tenants", Authorization="Bearer wrong")
        send("192.0.2.4", "POST", "/update", **{"X-Api-User": "x", "X-Api-Key": "y"})
        forged = "/WARNING%20192.0.2.66%20refused%20(forbidden):%20/update"
        send("192.0.2.5", "POST", forged, **{"X-Api-User": "x"})
        service.wait_for_line("192.0.2.5")
        lines = list(service.lines)
    found = ["192.0.2.1", "2001:db8::2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]
    assert banned(lines) == found


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
    logs.set_up(ServerLogSettings("json" if form == "json" else "text"))
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
