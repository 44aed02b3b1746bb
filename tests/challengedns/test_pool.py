"""DNS workers are replaced, also by a machine that was short of something when one had ended."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys

import pytest

from zoneproof.challengedns.dns import counters
from zoneproof.challengedns.dns.shared_memory import SharedMemory
from zoneproof.challengedns.dns.worker import WorkerSettings
from zoneproof.challengedns.runtime import pool as pool_module
from zoneproof.challengedns.runtime.pool import WorkerPool
from zoneproof.core.errors import ZoneproofError
from zoneproof.serving.logs import ServerLogSettings

SETTINGS = WorkerSettings(
    transport="udp",
    sockets=[],
    database="",
    generation=1,
    values_ahead=0,
    zones=[],
    value_ttl=1,
    table_bytes=0,
    rate_limit=0,
    tcp_connections=1,
    tcp_connections_of_one=1,
    tcp_idle_timeout=1.0,
    log=ServerLogSettings(),
)


async def test_without_files_for_its_memory_no_worker_starts_and_a_later_one_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    failed = asyncio.Event()
    has_files = False

    def memory(name: str, size: int) -> SharedMemory:
        if not has_files:
            failed.set()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return SharedMemory(name, size)

    async def spawn(settings: WorkerSettings) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(counters, "SharedMemory", memory)
    monkeypatch.setattr(pool_module, "_spawn", spawn)
    pool = WorkerPool()
    with pytest.raises(ZoneproofError, match="cannot start a DNS worker: Too many open files"):
        await pool.start([SETTINGS])
    assert started.empty()
    has_files = True
    await pool.start([SETTINGS])
    first = await started.get()
    has_files = False
    failed.clear()
    first.kill()
    await failed.wait()
    assert started.empty()
    has_files = True
    second = await started.get()
    assert second.pid != first.pid
    assert "cannot start a DNS worker: Too many open files" in caplog.text
    await pool.stop()


def test_a_worker_begins_without_what_it_does_not_need() -> None:
    code = (
        "import sys; from zoneproof.challengedns.dns import tcp, transfer_desk, udp, worker;"
        " print({'asyncio', 'ssl', 'zoneproof.storage'} & sys.modules.keys())"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "set()\n"
