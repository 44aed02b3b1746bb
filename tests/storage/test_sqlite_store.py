"""Transactions: each succeeds or fails alone, readers and the writer do not wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage.numbers_table import NUMBERS, Gate, files_in, insert, numbers, writer_held
from zoneproof.core.errors import StorageError
from zoneproof.storage import SqliteStore, Store, Transaction, open_sqlite, sqlite


async def test_it_is_a_store(store: SqliteStore) -> None:
    protocol: Store = store
    assert await protocol.write(insert(1)) == 1
    assert await protocol.read(numbers) == [1]


async def test_an_error_in_the_work_comes_out_and_keeps_nothing(store: SqliteStore) -> None:
    def fail(transaction: Transaction) -> None:
        insert(1)(transaction)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.write(fail)
    with pytest.raises(KeyError, match="mine"):
        await store.read(lambda transaction: dict[str, int]()["mine"])
    assert await store.read(numbers) == []


def _sql(statement: str, *parameters: int) -> Callable[[Transaction], object]:
    return lambda transaction: transaction.execute(statement, parameters)


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (lambda transaction: 1 // 0, ZeroDivisionError),
        (_sql("INSERT INTO nowhere (n) VALUES (1)"), StorageError),
        (_sql("INSERT INTO"), StorageError),
        (_sql("INSERT INTO number (n) VALUES (?)", 1), StorageError),
        (_sql("INSERT INTO number (n) VALUES (?)", 1, 2), StorageError),
        (_sql("INSERT INTO number (n) VALUES (?)", 2**70), OverflowError),
        (_sql("COMMIT; BEGIN"), Exception),
        (_sql("BEGIN"), StorageError),
        (lambda transaction: next(iter(())), RuntimeError),
        (lambda transaction: exec("raise SystemExit"), SystemExit),
    ],
    ids=[
        "error of its own",
        "missing table",
        "bad SQL",
        "constraint",
        "parameters",
        "large number",
        "two statements",
        "nested transaction",
        "StopIteration",
        "SystemExit",
    ],
)
async def test_of_many_writes_in_one_commit_one_fails_alone(
    store: SqliteStore, work: Callable[[Transaction], object], error: type[BaseException]
) -> None:
    def fail(transaction: Transaction) -> None:
        insert(1000)(transaction)
        work(transaction)

    async with writer_held(store):
        before = [asyncio.create_task(store.write(insert(n))) for n in range(50)]
        failing = asyncio.create_task(_outcome(store, fail))
        after = [asyncio.create_task(store.write(insert(n))) for n in range(50, 100)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*before, *after) == [1] * 100
    assert isinstance(await failing, error)
    assert await store.read(numbers) == list(range(100))


@pytest.mark.parametrize("may_repeat", [False, True])
@pytest.mark.parametrize("writes_first", [False, True])
async def test_a_work_is_done_again_only_if_it_may_and_another_failed_halfway(
    path: Path, *, may_repeat: bool, writes_first: bool
) -> None:
    """Some works do more than write to the database, and must not do that twice."""
    runs: list[int] = []

    def counted(n: int) -> Callable[[Transaction], int]:
        def work(transaction: Transaction) -> int:
            runs.append(n)
            if n % 3 == 0 and not writes_first:
                raise ZeroDivisionError
            insert(n)(transaction)
            return n // (n % 3)

        return work

    store = open_sqlite(path, NUMBERS, may_repeat=may_repeat)
    async with writer_held(store):
        tasks = [asyncio.create_task(_outcome(store, counted(n))) for n in range(1, 8)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks)
    assert [type(each) for each in outcomes[2::3]] == [ZeroDivisionError] * 2
    assert await store.read(numbers) == [1, 2, 4, 5, 7]
    again = [1, 2, 3] if may_repeat and writes_first else []
    assert runs == [*again, *range(1, 8)]
    await store.close()


async def test_what_is_asked_before_a_commit_can_refuse_it(path: Path) -> None:
    refusals: list[StorageError] = []

    def ask() -> None:
        if refusals:
            raise refusals.pop()

    store = open_sqlite(path, NUMBERS, before_commit=ask)
    refusals.append(StorageError("not now"))
    with pytest.raises(StorageError, match="not now"):
        await store.write(insert(1))
    assert await store.write(insert(2)) == 1
    assert await store.read(numbers) == [2]
    await store.close()


async def _outcome(store: SqliteStore, work: Callable[[Transaction], object]) -> object:
    try:
        return await store.write(work)
    except BaseException as error:  # noqa: BLE001  a test looks at it
        return error


async def test_writes_that_wait_share_a_commit(store: SqliteStore) -> None:
    statements: list[str] = []
    store._writer.set_trace_callback(statements.append)
    async with writer_held(store):
        tasks = [asyncio.create_task(store.write(insert(n))) for n in range(100)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert statements.count("COMMIT") == 2


async def test_every_commit_reaches_the_disk(store: SqliteStore) -> None:
    """FULL is 2: the write-ahead log is flushed before a commit returns."""
    assert await store.write(lambda transaction: transaction.query("PRAGMA synchronous")) == [(2,)]
    assert await store.read(lambda transaction: transaction.query("PRAGMA journal_mode")) == [
        ("wal",)
    ]


async def test_when_sqlite_gives_up_a_group_all_of_it_fails_and_the_next_succeeds(
    store: SqliteStore,
) -> None:
    await store.write(insert(1))
    async with writer_held(store):
        tasks = [
            asyncio.create_task(_outcome(store, insert(2))),
            asyncio.create_task(
                _outcome(store, _sql("INSERT OR ROLLBACK INTO number (n) VALUES (1)"))
            ),
            asyncio.create_task(_outcome(store, insert(3))),
        ]
        await asyncio.sleep(0)
    for outcome in await asyncio.gather(*tasks):
        assert isinstance(outcome, StorageError)
        assert "UNIQUE constraint failed" in outcome.message
    assert await store.write(insert(4)) == 1
    assert await store.read(numbers) == [1, 4]


async def test_when_the_connection_is_gone_nobody_waits_for_ever(store: SqliteStore) -> None:
    async with writer_held(store):
        tasks = [
            asyncio.create_task(_outcome(store, insert(1))),
            asyncio.create_task(_outcome(store, lambda transaction: store._writer.close())),
            asyncio.create_task(_outcome(store, insert(2))),
        ]
        await asyncio.sleep(0)
    assert all(isinstance(outcome, StorageError) for outcome in await asyncio.gather(*tasks))
    assert isinstance(await _outcome(store, insert(3)), StorageError)
    assert await store.read(numbers) == []


async def test_a_full_disk_is_an_error_until_there_is_space(store: SqliteStore) -> None:
    await store.write(_sql("PRAGMA max_page_count = 3"))
    with pytest.raises(StorageError, match=r"state\.db: the disk is full: free some space"):
        await store.write(_sql("CREATE TABLE large AS SELECT zeroblob(100000)"))
    assert await store.write(insert(1)) == 1
    await store.write(_sql("PRAGMA max_page_count = 1000"))
    await store.write(_sql("CREATE TABLE large AS SELECT zeroblob(100000)"))
    assert await store.read(numbers) == [1]


async def test_a_write_cancelled_while_it_waits_does_not_happen(store: SqliteStore) -> None:
    async with writer_held(store):
        cancelled = asyncio.create_task(store.write(insert(1)))
        other = asyncio.create_task(store.write(insert(2)))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
    await other
    assert cancelled.cancelled()
    assert await store.read(numbers) == [2]


async def test_a_write_that_is_wanted_anyway_happens_without_its_caller(store: SqliteStore) -> None:
    async with writer_held(store):
        cancelled = asyncio.create_task(store.write(insert(1), anyway=True))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
    await store.write(insert(2))
    assert cancelled.cancelled()
    assert await store.read(numbers) == [1, 2]


async def test_callers_in_several_event_loops_are_all_told(store: SqliteStore) -> None:
    async with writer_held(store):
        there = asyncio.create_task(asyncio.to_thread(asyncio.run, store.write(insert(1))))
        here = asyncio.create_task(store.write(insert(2)))
        waiting = asyncio.create_task(asyncio.to_thread(store.write_and_wait, insert(3)))
        await asyncio.sleep(0)
    assert list(await asyncio.gather(there, here, waiting)) == [1, 1, 1]


async def test_a_write_cancelled_while_it_runs_is_kept_and_the_store_goes_on(
    store: SqliteStore,
) -> None:
    gate = Gate()

    def work(transaction: Transaction) -> None:
        insert(1)(transaction)
        gate.pass_through(transaction)

    cancelled = asyncio.create_task(store.write(work))
    await gate.reached()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    gate.open()
    await store.write(insert(2))
    assert cancelled.cancelled()
    assert await store.read(numbers) == [1, 2]


async def test_closing_finishes_what_waits(path: Path) -> None:
    store = open_sqlite(path, NUMBERS)
    gate = Gate()
    tasks = [asyncio.create_task(store.write(gate.pass_through))]
    await gate.reached()
    tasks += [asyncio.create_task(_written(store, n)) for n in range(600)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(closing, *tasks)
    again = open_sqlite(path, NUMBERS)
    assert await again.read(numbers) == list(range(600))
    await again.close()


async def _written(store: SqliteStore, n: int) -> None:
    await store.write(insert(n))


async def test_closing_leaves_one_file(path: Path) -> None:
    store = open_sqlite(path, NUMBERS)
    await store.write(insert(1))
    await store.close()
    assert files_in(path.parent) == [path.name]


async def test_a_cancelled_close_still_closes(path: Path) -> None:
    store = open_sqlite(path, NUMBERS)
    gate = Gate()
    write = asyncio.create_task(store.write(gate.pass_through))
    await gate.reached()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    gate.open()
    await write
    await asyncio.to_thread(store._writing.join)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert files_in(path.parent) == [path.name]


async def test_a_closed_store_says_so(path: Path) -> None:
    store = open_sqlite(path, NUMBERS)
    await store.close()
    await store.close()
    with pytest.raises(StorageError, match=r"state\.db is closed"):
        await store.read(numbers)
    with pytest.raises(StorageError, match=r"state\.db is closed"):
        await store.write(insert(1))


async def test_a_read_sees_one_state_and_the_writer_does_not_wait_for_it(
    store: SqliteStore,
) -> None:
    gate = Gate()

    def read_twice(transaction: Transaction) -> tuple[list[int], list[int]]:
        first = numbers(transaction)
        gate.pass_through(transaction)
        return first, numbers(transaction)

    await store.write(insert(1))
    reading = asyncio.create_task(store.read(read_twice))
    await gate.reached()
    await store.write(insert(2))
    gate.open()
    assert await reading == ([1], [1])
    assert await store.read(numbers) == [1, 2]


async def test_a_read_does_not_wait_for_the_writer_and_sees_only_what_is_committed(
    store: SqliteStore,
) -> None:
    gate = Gate()

    def write_slowly(transaction: Transaction) -> None:
        insert(1)(transaction)
        gate.pass_through(transaction)

    writing = asyncio.create_task(store.write(write_slowly))
    await gate.reached()
    assert await store.read(numbers) == []
    gate.open()
    await writing
    assert await store.read(numbers) == [1]


async def test_a_short_read_does_not_wait_for_a_long_one(store: SqliteStore) -> None:
    gate = Gate()
    long = asyncio.create_task(store.read(gate.pass_through))
    await gate.reached()
    assert await store.read(numbers) == []
    gate.open()
    await long


async def test_a_read_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(StorageError):
        await store.read(insert(1))
    assert await store.read(numbers) == []


async def test_failing_reads_leave_no_transaction_behind(store: SqliteStore) -> None:
    for _ in range(10):
        with pytest.raises(StorageError, match="no such table"):
            await store.read(lambda transaction: transaction.query("SELECT * FROM nowhere"))
        with pytest.raises(RuntimeError):
            await store.read(lambda transaction: next(iter(())))
    await store.write(insert(1))
    assert await store.read(numbers) == [1]


async def test_the_log_shrinks_again_after_a_long_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_WAL_BYTES", 100_000)
    store = open_sqlite(path, NUMBERS)
    gate = Gate()

    def read_long(transaction: Transaction) -> None:
        numbers(transaction)
        gate.pass_through(transaction)

    log = path.with_name("state.db-wal")
    long = asyncio.create_task(store.read(read_long))
    await gate.reached()
    for n in range(3):
        await store.write(_sql(f"CREATE TABLE large{n} AS SELECT zeroblob(5000000)"))
    assert log.stat().st_size > 10_000_000
    gate.open()
    await long
    for n in range(3):
        await store.write(insert(n))
    assert log.stat().st_size <= 100_000
    await store.close()
