"""The tree of errors: what the command line and the rooms rely on."""

from __future__ import annotations

import errno
import inspect

import pytest

from zoneproof.core import errors
from zoneproof.core.errors import AcmeProblemError, AwaitingUserError, ZoneproofError, ungrouped

ALL = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, Exception)
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_in_the_tree_and_ends_the_command_with_failure(kind: type) -> None:
    assert issubclass(kind, ZoneproofError)
    assert kind.exit_code in ((70,) if kind is errors.BugError else (1, 2, 3))
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.ZoneproofError, 1),
        (errors.InvalidInputError, 2),
        (errors.InvalidNameError, 2),
        (errors.ConfigError, 2),
        (errors.AwaitingUserError, 3),
        (errors.StorageError, 1),
        (errors.VaultError, 1),
        (errors.RateLimitedError, 1),
    ],
)
def test_scripts_can_tell_errors_apart_by_exit_code(
    kind: type[ZoneproofError], exit_code: int
) -> None:
    assert kind.exit_code == exit_code


def test_an_error_is_its_message_and_carries_records() -> None:
    record = "_acme-challenge.example.com. 60 IN CNAME abc.auth.example.org."
    error = AwaitingUserError("create this record", records=[record])
    assert str(error) == error.message == "create this record"
    assert error.records == (record,)
    assert ZoneproofError("without").records == ()


def test_a_problem_is_told_by_its_full_type() -> None:
    error = AcmeProblemError(
        "the CA refused", type="urn:ietf:params:acme:error:badNonce", detail="", status=400
    )
    assert error.is_type("badNonce")
    assert not error.is_type("badCSR")
    other = AcmeProblemError("refused", type="https://example.com/badNonce", detail="", status=400)
    assert not other.is_type("badNonce")


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_group_of_errors_is_told_by_what_it_began_with(depth: int) -> None:
    cause = ZoneproofError("the disk is full")
    cause.__cause__ = OSError("no space left")
    error: Exception = cause
    for _ in range(depth):
        error = ExceptionGroup("unhandled errors in a TaskGroup", [error, ValueError("after it")])
    with pytest.raises(ZoneproofError) as told, ungrouped():
        raise error
    assert told.value is cause
    assert isinstance(told.value.__cause__, OSError)


def test_without_a_group_nothing_changes() -> None:
    with ungrouped():
        pass
    with pytest.raises(KeyboardInterrupt), ungrouped():
        raise KeyboardInterrupt


def test_what_the_system_gives_no_more_of_is_no_bug() -> None:
    told = errors.unforeseen(OSError(errno.EMFILE, "Too many open files"))
    assert isinstance(told, errors.ExhaustedError)
    assert "LimitNOFILE=" in told.message
    with pytest.raises(OSError, match="Bad") as other:
        raise OSError(errno.EBADF, "Bad file descriptor")
    assert isinstance(errors.unforeseen(other.value), errors.BugError)
