"""Tasks that run programs: environment, failures, and what goes on when Zoneproof is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.deployment.occasions import NAME, occasion, program, task
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import TaskContext, open_task

KILLED = """
import asyncio, sys
from pathlib import Path
from zoneproof.deployment import Occasion, TaskContext, open_task
context = TaskContext({"command": sys.argv[1]}, Path(sys.argv[2]))
asyncio.run(open_task("command", context).run(Occasion("a", ("a",), Path("/"))))
"""


async def test_a_command_is_told_what_happened(tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    teller = program(tmp_path, "teller", 'env; echo "$# $1"')
    said = await task("command", command=f"{teller} 'two words'").run(made)
    assert said.endswith("1 two words")
    live, names = made.folder, "www.example.com example.com"
    asked = [
        "ZONEPROOF_EVENT",
        "ZONEPROOF_CERTIFICATE",
        "ZONEPROOF_NAMES",
        "ZONEPROOF_SERIAL",
        "ZONEPROOF_PRIVKEY",
        "RENEWED_LINEAGE",
        "RENEWED_DOMAINS",
        "Le_Domain",
        "CERT_FULLCHAIN_PATH",
        "LEGO_CERT_KEY_PATH",
        "LEGO_HOOK_CERT_NAME",
        "LEGO_HOOK_CERT_DOMAINS",
        "LEGO_HOOK_CERT_KEY_PATH",
    ]
    script = program(
        tmp_path, "asked", "\n".join(f'echo "${one}" >>{tmp_path}/told' for one in asked)
    )
    await task("command", command=script).run(made)
    assert made.material
    told = dict(zip(asked, (tmp_path / "told").read_text().splitlines(), strict=True))
    assert told == {
        "ZONEPROOF_EVENT": "issued",
        "ZONEPROOF_CERTIFICATE": NAME,
        "ZONEPROOF_NAMES": names,
        "ZONEPROOF_SERIAL": made.material.serial,
        "ZONEPROOF_PRIVKEY": f"{live}/privkey.pem",
        "RENEWED_LINEAGE": str(live),
        "RENEWED_DOMAINS": names,
        "Le_Domain": "www.example.com",
        "CERT_FULLCHAIN_PATH": f"{live}/fullchain.pem",
        "LEGO_CERT_KEY_PATH": f"{live}/privkey.pem",
        "LEGO_HOOK_CERT_NAME": NAME,
        "LEGO_HOOK_CERT_DOMAINS": "www.example.com,example.com",
        "LEGO_HOOK_CERT_KEY_PATH": f"{live}/privkey.pem",
    }


async def test_a_command_after_a_failure_is_told_why(tmp_path: Path) -> None:
    script = program(tmp_path, "told", f'echo "$ZONEPROOF_ERROR/$FAILED_DOMAINS" >{tmp_path}/why')
    failed = replace(
        occasion(tmp_path / "home"), event="failed", material=None, error="the CA is away"
    )
    await task("command", command=script).run(failed)
    assert (tmp_path / "why").read_text() == "the CA is away/www.example.com example.com\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no >&2; exit 3", r"failed with exit status 3, and said: no"),
        ("exit 3", r"failed with exit status 3, without a message"),
        ("kill -9 $$", r"failed with exit status -?(137|9)|was ended by signal 9"),
    ],
)
async def test_a_command_that_fails_says_how(tmp_path: Path, script: str, message: str) -> None:
    path = program(tmp_path, "fails", script)
    for progress in (None, tmp_path / "progress"):
        with pytest.raises(DeploymentError, match=message):
            await task("command", progress, command=path).run(occasion(tmp_path / "home"))


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    path = program(tmp_path, "hangs", "sleep 600")
    with pytest.raises(DeploymentError, match=r"took longer than 0\.2 seconds and was killed"):
        await task("command", tmp_path / "progress", command=path, timeout="0.2").run(
            occasion(tmp_path / "home")
        )


async def test_a_command_that_prints_without_end_is_killed(tmp_path: Path) -> None:
    path = program(tmp_path, "prints", "exec yes")
    with pytest.raises(DeploymentError, match="printed more than 64 MiB and was killed"):
        await task("command", command=path).run(occasion(tmp_path / "home"))


async def test_a_program_that_is_not_executable_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.touch(0o600)
    (problem,) = await task("command", command=str(path)).problems()
    assert problem == f"cannot run {path}: it is not executable: chmod +x it"


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    missing = task("command", command="/no/such/program --flag")
    assert await missing.problems() == [
        "cannot run /no/such/program: this program does not exist; install it, or give its path"
    ]
    with pytest.raises(DeploymentError, match="this program does not exist"):
        await missing.run(occasion(tmp_path / "home"))


@pytest.mark.parametrize("command", ["", "'half", "   "])
def test_a_line_without_a_program_is_refused(command: str) -> None:
    with pytest.raises(InvalidInputError, match="command"):
        task("command", command=command)


@pytest.mark.parametrize("program", ["./x", "dir/x", "../x", "cbcopy/renewal-hooks/deploy/x.sh"])
def test_a_program_that_is_relative_is_refused(program: str) -> None:
    for kind, field in (("command", "command"), ("nginx", "program"), ("haproxy", "program")):
        with pytest.raises(InvalidInputError) as raised:
            open_task(kind, TaskContext({field: f"{program} now"}))
        assert raised.value.message == (
            f"{field}: the program '{program}' must be an absolute path, or a name that is in"
            " PATH, because renewals run in other folders"
        )


async def test_a_program_is_not_looked_up_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "reload-it", f"echo ran >{tmp_path}/ran")
    monkeypatch.chdir(tmp_path)
    for folders in (".", "", f".{os.pathsep}/usr/bin", f"{os.pathsep}/usr/bin"):
        monkeypatch.setenv("PATH", folders)
        with pytest.raises(DeploymentError, match="this program does not exist"):
            await task("command", command="reload-it").run(occasion(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    await task("command", command="reload-it").run(occasion(tmp_path / "home"))
    assert (tmp_path / "ran").exists()


async def test_what_a_killed_run_began_is_waited_for_and_not_run_again(tmp_path: Path) -> None:
    for pipe in ("up", "go"):
        os.mkfifo(tmp_path / pipe)
    script = program(
        tmp_path,
        "slow",
        f"echo ran >>{tmp_path}/runs; echo up >{tmp_path}/up; read line <{tmp_path}/go",
    )
    progress = tmp_path / "progress"
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(script), str(progress)
    )
    await asyncio.to_thread((tmp_path / "up").read_text)
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    again = task("command", progress, command=script).run(occasion(tmp_path / "home"))
    said, _ = await asyncio.gather(again, asyncio.to_thread((tmp_path / "go").write_text, "on\n"))
    assert said == f"ran {script}: it ended while Zoneproof was stopped"
    assert (tmp_path / "runs").read_text() == "ran\n"


async def test_what_was_killed_itself_is_run_again(tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    progress.write_text("4194303\n")  # which nobody has
    script = program(tmp_path, "quick", f"echo ran >>{tmp_path}/runs")
    await task("command", progress, command=script).run(occasion(tmp_path / "home"))
    assert (tmp_path / "runs").read_text() == "ran\n"
    progress.write_text(f"{os.getpid()}\n")  # another's number by now
    await task("command", progress, command=script).run(occasion(tmp_path / "home"))
    assert (tmp_path / "runs").read_text() == "ran\nran\n"


@pytest.mark.parametrize(
    ("line", "needing"),
    [
        ("echo hi > /tmp/x", ">"),
        ("echo hi 2>/dev/null", "2>"),
        ("systemctl reload nginx && echo hi", "&&"),
        ("systemctl reload nginx; echo hi", ";"),
        ("cat /etc/hostname | mail root", "|"),
        ("cp $ZONEPROOF_FULLCHAIN /srv/site.pem", "$"),
        ('cp "${ZONEPROOF_FULLCHAIN}" /srv/site.pem', "$"),
        ("echo `date`", "`"),
        ("sh -c true && true", "&&"),
    ],
)
async def test_what_only_a_shell_understands_is_a_problem(line: str, needing: str) -> None:
    (problem,) = await task("command", command=line).problems()
    assert problem.startswith(f"no shell reads the '{needing}' in its command: write sh -c '")


@pytest.mark.parametrize(
    "line",
    [
        """sh -c 'cp "$ZONEPROOF_FULLCHAIN" /srv && systemctl reload nginx > /dev/null'""",
        'env sh -c "echo $ZONEPROOF_NAMES; true"',
        "echo 'a && b' '$NAME' \\$NAME",
        "echo https://example.com/?a=1&b=2;c 5$",
        "find /srv -name x -exec echo {} ;",
        """sh -c 'it'"'"'s $HOME'""",
    ],
)
async def test_what_is_quoted_or_for_a_shell_is_none(line: str) -> None:
    assert await task("command", command=line).problems() == []
