"""Several processes and one database: nothing acknowledged is lost, nobody is turned away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tests.storage.numbers_table import NUMBERS, numbers
from zoneproof.storage import open_sqlite

COUNT = Path(__file__).with_name("count.py")


class Counter:
    """A running ``count.py`` that waits for the start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin: IO[str] = process.stdin
        self.lines: IO[str] = process.stdout
        assert self.lines.readline() == "ready\n"

    def start(self) -> None:
        self._stdin.write("\n")
        self._stdin.flush()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        self.lines.read()
        return self._process.wait()


@contextmanager
def counter(path: Path, first: int, last: int) -> Iterator[Counter]:
    command = [sys.executable, str(COUNT), str(path), str(first), str(last)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Counter(process)
        finally:
            process.kill()


async def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    acknowledged: set[int] = set()
    for round_ in range(3):
        with counter(path, round_ * 1_000_000, (round_ + 1) * 1_000_000) as writer:
            writer.start()
            for _ in range(150 + 101 * round_):
                acknowledged.add(int(writer.lines.readline()))
            writer.kill()
            # The last line may have been cut while it was printed.
            acknowledged.update(int(line) for line in writer.lines if line.endswith("\n"))
        store = open_sqlite(path, NUMBERS)
        assert acknowledged <= set(await store.read(numbers))
        assert await store.read(lambda transaction: transaction.query("PRAGMA quick_check")) == [
            ("ok",)
        ]
        await store.close()


async def test_processes_that_create_and_fill_one_database_at_once_all_succeed(path: Path) -> None:
    with ExitStack() as stack:
        writers = [
            stack.enter_context(counter(path, first, first + 100)) for first in range(0, 400, 100)
        ]
        for writer in writers:
            writer.start()
        assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    store = open_sqlite(path, NUMBERS)
    assert await store.read(numbers) == list(range(400))
    await store.close()
