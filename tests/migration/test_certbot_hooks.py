"""Which hooks certbot runs, and in which order, and which the import says that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.peers.certbot import certonly, renew
from tests.support.trees import write
from zoneproof.migration.certbot import read_certbot
from zoneproof.testing.pebble import Pebble

IN_FOLDERS = ("pre/a-folder", "pre/b-folder", "deploy/a-folder", "deploy/b-folder", "post/a-folder")
OF_CERTIFICATE = ("pre-own", "deploy-own", "post-own")
OF_ALL = ("pre-all", "deploy-all", "post-all")
WITHOUT_FOLDERS = ("no-directory-hooks\n", "no-directory-hooks = True # for now\n")


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    environment = {"PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with Pebble(tmp_path_factory.mktemp("pebble"), environment=environment) as server:
        yield server


class Machine(NamedTuple):
    """certbot's folder, with programs that note themselves when they are run."""

    pebble: Pebble
    folder: Path
    programs: Path
    noted: Path

    @property
    def hooks(self) -> Path:
        return self.folder / "renewal-hooks"

    def hooks_of_certbot(self) -> list[str]:
        """Return the programs that a renewal runs."""
        self.noted.unlink(missing_ok=True)
        renew(self.pebble, self.folder, f"--config={self.folder}/cli.ini")
        return self.noted.read_text().splitlines() if self.noted.exists() else []

    def hooks_of_import(self) -> list[str]:
        """Return the programs that were imported, in the order in which a renewal runs them."""
        found = read_certbot(self.folder)
        assert found.problems == ()
        (certificate,) = found.certificates
        tasks = [task.definition for task in certificate.tasks]
        return [
            str(task.fields["command"])
            for when in ("before", "issued", "always")
            for task in tasks
            if task.when == when
        ]


@pytest.fixture(scope="module")
def issued(pebble: Pebble, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A certificate with hooks of its own, and programs for all of them."""
    root = tmp_path_factory.mktemp("machine")
    made = Machine(pebble, root / "letsencrypt", root / "programs", root / "noted")
    programs = [made.hooks / name for name in IN_FOLDERS]
    programs += [made.programs / name for name in (*OF_CERTIFICATE, *OF_ALL)]
    for program in programs:
        write(program, f'#!/bin/sh\necho "$0" >>{made.noted}\n').chmod(0o755)
    certonly(
        pebble,
        made.folder,
        "--manual",
        "--preferred-challenges=dns",
        "--manual-auth-hook=/bin/true",
        *(f"--{name.partition('-')[0]}-hook={made.programs / name}" for name in OF_CERTIFICATE),
        "--domain=example.com",
    )
    return made


@pytest.fixture
def machine(issued: Machine) -> Iterator[Machine]:
    """The same before a renewal, which saves what cli.ini says in the certificate's file."""
    file = issued.folder / "renewal/example.com.conf"
    before = file.read_text()
    write(issued.folder / "cli.ini", "")
    yield issued
    file.write_text(before)


@pytest.mark.parametrize(
    ("cli_ini", "others"),
    [
        ("", OF_CERTIFICATE),
        (
            "pre-hook = {programs}/pre-all\ndeploy-hook: '{programs}/deploy-all'\n"
            "post-hook = {programs}/post-all\n",
            OF_ALL,
        ),
        (
            "deploy-hook = {programs}/deploy-own\nrenew-hook = {programs}/deploy-all\n",
            ("pre-own", "deploy-all", "post-own"),
        ),
        (
            "renew-hook = {programs}/deploy-own\ndeploy-hook = {programs}/deploy-all\n",
            ("pre-own", "deploy-all", "post-own"),
        ),
        ("deploy-hook =\n", ("pre-own", "post-own")),
        ("deploy-hook = {folder}/renewal-hooks/deploy/a-folder\n", ("pre-own", "post-own")),
        ("no-directory-hooks\n", OF_CERTIFICATE),
        ("no-directory-hooks = True # for now\n", OF_CERTIFICATE),
        ("no-directory-hooks = no\n", OF_CERTIFICATE),
    ],
)
def test_hooks_are_those_of_certbot_in_its_order(
    machine: Machine, cli_ini: str, others: tuple[str, ...]
) -> None:
    text = cli_ini.format(programs=machine.programs, folder=machine.folder)
    write(machine.folder / "cli.ini", text)
    in_folders = [] if cli_ini in WITHOUT_FOLDERS else IN_FOLDERS
    expected = [
        str(folder / name)
        for kind in ("pre", "deploy", "post")
        for folder, names in ((machine.hooks, in_folders), (machine.programs, others))
        for name in names
        if name.startswith(kind)
    ]
    imported = machine.hooks_of_import()
    assert (imported, machine.hooks_of_certbot()) == (expected, expected)


def test_a_hook_that_the_certificates_file_names_twice_is_the_renew_hook(machine: Machine) -> None:
    file = machine.folder / "renewal/example.com.conf"
    written = file.read_text()
    (own,) = (line for line in written.splitlines() if line.startswith("renew_hook"))
    file.write_text(f"{written}\ndeploy_hook = {machine.programs}/deploy-all\n")
    imported = machine.hooks_of_import()
    assert imported == machine.hooks_of_certbot()
    assert own.partition(" = ")[2] in imported
    assert f"{machine.programs}/deploy-all" not in imported
