"""The service as a process: starting, ending, dying, being reread, failing."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.challengedns.processes import fails_to_start, kill_workers, wait_for_end
from tests.support.challenge_service import (
    ENOUGH_TO_REACH_EVERY_WORKER,
    ZONE,
    Account,
    Service,
    everywhere,
    register,
    request,
    texts,
    txt,
    update,
    write_config,
)
from tests.support.peers.unbound import Unbound
from zoneproof.testing.ports import free_port


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(write_config(tmp_path)) as running:
        yield running


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Service]:
    """Return a service that starts its workers as users have them."""
    with Service(write_config(tmp_path), workers_as_installed=True) as running:
        yield running


def accepts(host: str, port: int) -> bool:
    """Tell whether somebody takes connections."""
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_acknowledged_values_survive_kill_9_and_workers_end_with_their_parent(
    installed: Service,
) -> None:
    accounts = [register(installed.url) for _ in range(5)]
    for account in accounts:
        assert update(installed.url, account, txt("v")).status == 200
    workers = installed.workers()
    assert len(workers) == 3
    installed.stop(signal.SIGKILL)
    wait_for_end(workers)
    with Service(installed.config) as again:
        for account in accounts:
            assert everywhere(again, account.fulldomain) == {(txt("v"),)}
            assert update(again.url, account, txt("w")).status == 200


def test_a_killed_worker_is_replaced_and_no_question_is_lost(installed: Service) -> None:
    account = register(installed.url)
    update(installed.url, account, txt("v"))
    kill_workers(installed)
    assert everywhere(installed, account.fulldomain) == {(txt("v"),)}
    installed.wait_for_line(r"DNS worker \d+ \(udp\) ended with status -9: starting another")
    installed.wait_for_line(r"DNS worker \d+ \(tcp\) ended")
    assert len(installed.workers()) == 3


def test_the_api_keeps_to_one_core_and_workers_have_all(installed: Service) -> None:
    cores = os.sched_getaffinity(0)
    kill_workers(installed)
    installed.wait_for_line(r"DNS worker \d+ \(udp\) ended")
    write_config(installed.config.parent, dns="")
    installed.process.send_signal(signal.SIGHUP)
    installed.wait_for_line("configuration reloaded")
    assert not any("change only at a restart" in line for line in installed.lines)
    assert os.sched_getaffinity(installed.process.pid) == {max(cores)}
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, installed.process.pid) == min(own + 10, 19)
    for worker in installed.workers():
        assert os.sched_getaffinity(worker) == cores
        assert os.getpriority(os.PRIO_PROCESS, worker) == own


def test_sigterm_to_everybody_ends_the_service_cleanly(installed: Service) -> None:
    workers = installed.workers()
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    assert installed.ask(ZONE, "A").answer
    assert installed.stop(signal.SIGTERM) == 0
    wait_for_end(workers)
    assert len(installed.lines) == 1


def test_sigterm_lets_requests_that_have_begun_finish(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        register(service.url)
        service.process.send_signal(signal.SIGTERM)
        while accepts(host, int(port)):
            pass
        connection.sendall(b"}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert service.process.wait(10) == 0


def test_sighup_rereads_the_records_and_loses_no_question(service: Service) -> None:
    account = register(service.url)
    update(service.url, account, txt("v"))
    assert service.ask("_acme-challenge.demo.example.com").rcode() == dns.rcode.NXDOMAIN
    serial = service.ask("example.com", "SOA").answer[0][0].serial
    done = threading.Event()
    answers = []

    def keep_asking() -> None:
        while not done.is_set():
            answers.append(service.texts(account.fulldomain))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    record = f"_acme-challenge.demo.example.com. 60 IN CNAME {account.fulldomain}."
    write_config(service.config.parent, records=record)
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")
    for _ in range(ENOUGH_TO_REACH_EVERY_WORKER):
        assert service.texts("_acme-challenge.demo.example.com") == [txt("v")]
    assert service.ask("example.com", "SOA").answer[0][0].serial > serial
    done.set()
    asking.join()
    assert all(answer == [txt("v")] for answer in answers)
    assert len(service.workers()) == 3


def test_sighup_with_a_wrong_configuration_changes_nothing(service: Service) -> None:
    write_config(service.config.parent, records="nonsense")
    service.process.send_signal(signal.SIGHUP)
    line = service.wait_for_line("configuration not reloaded")
    assert "nonsense" in line
    assert service.ask("alias.example.com", "A").answer
    account = register(service.url)
    assert update(service.url, account, txt("v")).status == 200
    assert everywhere(service, account.fulldomain) == {(txt("v"),)}


def test_sighup_takes_up_what_the_api_may_do(service: Service) -> None:
    write_config(service.config.parent, api='cors_origins = ["https://www.example.net"]')
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")
    reply = request(service.url, "GET", "/health", headers={"Origin": "https://www.example.net"})
    assert reply.headers["Access-Control-Allow-Origin"] == "https://www.example.net"


def test_sighup_says_what_needs_a_restart(service: Service) -> None:
    text = service.config.read_text()
    service.config.write_text('database = "other.db"\n' + text)
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("database .* change only at a restart")
    service.wait_for_line("configuration reloaded")


def test_a_second_service_at_the_same_address_says_so(service: Service, tmp_path: Path) -> None:
    text = service.config.read_text()
    other = tmp_path / "other.toml"
    other.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{service.dns_port}", 1))
    line = fails_to_start(other)
    assert f"127.0.0.1:{service.dns_port} for DNS" in line
    assert "another program" in line


def test_an_api_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = write_config(tmp_path)
        head, _, tail = path.read_text().rpartition("127.0.0.1:0")
        path.write_text(f"{head}127.0.0.1:{port}{tail}")
        assert f"127.0.0.1:{port} for the API: another program" in fails_to_start(path)


def test_a_udp_port_in_use_is_said(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        path = write_config(tmp_path)
        path.write_text(path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1))
        assert f"127.0.0.1:{port} for DNS (UDP): another program" in fails_to_start(path)


def test_an_address_that_the_machine_does_not_have_is_said(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("127.0.0.1:0", "192.0.2.1:5300", 1))
    assert "192.0.2.1:5300" in fails_to_start(path)
    assert "does not have that address" in fails_to_start(path)


def test_a_database_that_is_none_is_said(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    (tmp_path / "challenge.db").write_bytes(b"this is not a database at all" * 100)
    assert "challenge.db" in fails_to_start(path)


def test_with_broken_storage_registrations_are_servfail_and_the_rest_goes_on(
    service: Service,
) -> None:
    account = register(service.url)
    update(service.url, account, txt("v"))
    database = service.config.parent / "challenge.db"
    for path in (database, database.with_name("challenge.db-wal")):
        path.write_bytes(b"\x55" * path.stat().st_size)
    kill_workers(service)
    for _ in range(ENOUGH_TO_REACH_EVERY_WORKER):
        assert service.ask(account.fulldomain).rcode() == dns.rcode.SERVFAIL
        unknown = f"00000000-0000-4000-8000-000000000000.{ZONE}"
        assert service.ask(unknown).rcode() == dns.rcode.SERVFAIL
        assert service.ask(f"nope.{ZONE}").rcode() == dns.rcode.NXDOMAIN
        assert texts(service.ask(f"www.{ZONE}")) == ["statictext"]


def test_several_addresses_are_answered_each_from_itself(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    ports = [free_port() for _ in range(3)]
    listen = f'"127.0.0.1:{ports[0]}", "0.0.0.0:{ports[1]}", "[::1]:{ports[2]}"'
    path.write_text(path.read_text().replace('"127.0.0.1:0"', listen, 1))
    question = dns.message.make_query(ZONE, "A")
    asked = [
        ("127.0.0.1", ports[0]),
        ("127.0.0.1", ports[1]),
        ("127.0.0.5", ports[1]),
        ("::1", ports[2]),
    ]
    with Service(path):
        for host, port in asked * 5:
            for query in (dns.query.udp, dns.query.tcp):
                reply = query(question, host, port=port, timeout=10)
                assert reply.answer


def test_the_ipv6_wildcard_answers_from_the_address_asked(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("127.0.0.1:0", "[::]:0", 1))
    question = dns.message.make_query(ZONE, "A")
    with Service(path) as service:
        assert dns.query.udp(question, "::1", port=service.dns_port, timeout=10).answer


def full_registration(service: Service) -> Account:
    """Make a registration with as many values as there may be."""
    account = register(service.url)
    for letter in "abcdefghijklmnop":
        update(service.url, account, txt(letter))
    return account


def test_beyond_the_rate_limit_the_answer_is_to_ask_by_tcp(tmp_path: Path) -> None:
    with Service(write_config(tmp_path, dns="rate_limit = 3\nworkers = 1")) as service:
        account = full_registration(service)
        values = service.texts(account.fulldomain, tcp=True)
        assert len(values) == 16
        replies = [service.ask(account.fulldomain) for _ in range(30)]
        limited = [reply for reply in replies if reply.flags & dns.flags.TC]
        assert limited
        assert all(not reply.answer for reply in limited)
        assert all(texts(reply) == values for reply in replies if reply not in limited)
        assert service.texts(account.fulldomain, tcp=True) == values


def test_answers_that_are_not_much_longer_than_their_questions_are_not_limited(
    tmp_path: Path,
) -> None:
    with Service(write_config(tmp_path, dns="rate_limit = 1\nworkers = 1")) as service:
        account = register(service.url)
        for letter in "ab":
            update(service.url, account, txt(letter))
        for name, rdtype in (
            (account.fulldomain, "TXT"),
            (account.fulldomain, "A"),
            (f"nope.{ZONE}", "TXT"),
            (ZONE, "SOA"),
        ):
            assert not any(service.ask(name, rdtype).flags & dns.flags.TC for _ in range(30))


def test_a_resolver_with_150_names_at_once_meets_no_limit_and_a_flood_is_not_made_larger(
    tmp_path: Path,
) -> None:
    with Service(write_config(tmp_path, dns="workers = 2")) as service, ExitStack() as opened:
        name = full_registration(service).fulldomain
        question = dns.message.make_query(name, "TXT", use_edns=0, payload=1232).to_wire()

        def connect() -> socket.socket:
            sock = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.settimeout(10)
            sock.connect(("127.0.0.1", service.dns_port))
            return sock

        at_once = [connect() for _ in range(150)]
        for sock in at_once:
            sock.send(question)
        assert not any(is_truncated(sock.recv(4096)) for sock in at_once)
        flood = connect()
        replies = []
        for _ in range(40):
            for _ in range(50):
                flood.send(question)
            replies += [flood.recv(4096) for _ in range(50)]
        assert sum(map(is_truncated, replies)) > 1000
        assert sum(map(len, replies)) < 6 * len(question) * len(replies)


def is_truncated(reply: bytes) -> bool:
    return bool(reply[2] & 0x02)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_worker_that_hangs_is_replaced_and_no_question_is_lost(
    installed: Service, transport: str
) -> None:
    account = register(installed.url)
    update(installed.url, account, txt("v"))
    first, _, last = installed.workers()
    stopped = first if transport == "udp" else last
    os.kill(stopped, signal.SIGSTOP)
    installed.wait_for_line(rf"DNS worker {stopped} \({transport}\) hangs: ending it")
    installed.wait_for_line(rf"DNS worker {stopped} .* starting another")
    assert everywhere(installed, account.fulldomain) == {(txt("v"),)}
    assert stopped not in installed.workers()


def test_a_worker_that_only_has_nothing_to_do_stays(service: Service) -> None:
    workers = service.workers()
    os.kill(workers[0], signal.SIGSTOP)
    service.wait_for_line("hangs: ending it")  # the others had as little to do for as long
    service.wait_for_line("starting another")
    assert not {*workers[1:]} - {*service.workers()}


def test_a_strict_resolver_finds_the_value_through_a_cname(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        record = f"_acme-challenge.demo CNAME {account.fulldomain}."
        write_config(tmp_path, records=record)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for_line("configuration reloaded")
        at = [f"127.0.0.1@{service.dns_port}"]
        with Unbound(tmp_path / "unbound", {ZONE: at, "example.com": at}) as unbound:

            def ask(name: str, rdtype: str = "TXT") -> dns.message.Message:
                question = dns.message.make_query(name, rdtype)
                return dns.query.tcp(question, unbound.address, port=unbound.port, timeout=10)

            name = "_acme-challenge.demo.example.com"
            before = ask(name)
            assert before.rcode() == dns.rcode.NOERROR
            assert texts(before) == []
            for letter in "abcdefghijklmnop":
                update(service.url, account, txt(letter))
            assert texts(ask(name)) == sorted(txt(letter) for letter in "abcdefghijklmnop")
            for rdtype in ("A", "CAA", "HTTPS"):
                assert ask(account.fulldomain, rdtype).rcode() == dns.rcode.NOERROR
            assert ask(f"nope.{ZONE}").rcode() == dns.rcode.NXDOMAIN
            assert ask("b.c.auth.example.org").rcode() == dns.rcode.NOERROR


def test_a_zone_that_is_gone_is_warned_of(service: Service) -> None:
    """It was renamed, or this is the database of another service: either way CNAMEs fail."""
    account = register(service.url)
    text = service.config.read_text()
    service.config.write_text(text.replace('"auth.example.org"', '"auth.example.net"', 1))
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")
    (line,) = [each for each in service.lines if "no longer answered in" in each]
    assert "in auth.example.org, where" in line
    assert "(registrations: 1)" in line
    assert f"restore 'zones' in {service.config}" in line
    assert line.endswith("or have the CNAMEs lead to auth.example.net")
    assert update(service.url, account, txt("v")).status == 200
    assert service.texts(f"{account.subdomain}.auth.example.net") == [txt("v")]
    service.lines.clear()
    service.config.write_text(text)
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")
    assert any("are answered in auth.example.org again" in each for each in service.lines)
    assert not any("no longer" in each for each in service.lines)
