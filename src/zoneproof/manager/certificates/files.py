"""Certificates and keys on disk, in the layout that administrators know.

``archive/<name>/privkey3.pem`` and its kin hold every version; ``live/<name>/privkey.pem`` and its
kin are links to the newest, each replaced in one step. ``bundle.p12`` and ``combined.pem`` are
there on request, and ``csr.pem`` in place of a key that stays with its owner. While a version is
written, ``archive/<name>/.writing`` says which, so that it can be undone after a crash. Links to
other disks may stand in place of ``live``, ``archive`` and the folders in them, and links in
``live/<name>`` that a person led elsewhere stay until the next version is written.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from zoneproof.acme import parse_chain
from zoneproof.core.access import ANYWAY, Access
from zoneproof.core.errors import AcmeError, InvalidInputError, StorageError
from zoneproof.core.files import exists, flush_folder, is_folder, is_link, is_missing, read_file
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.known_files import KnownFiles, stamp_of
from zoneproof.manager.certificates.on_disk import FILES, OnDisk, read_live
from zoneproof.manager.certificates.versions import (
    GROUP_FOLDER,
    MODES,
    ON_REQUEST,
    PASSAGE,
    USUAL,
    VERSIONED,
    WRITING,
    FileForm,
    close_files,
    give,
    is_same,
    next_version,
    no_folder,
    on_request,
    replace_link,
    shut_out,
    version_in,
    versioned,
    write_all,
    write_new,
)

LONGEST_NAME = 253  # as long as a domain name, after which most certificates are called
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def is_certificate_name(name: str) -> bool:
    """Tell whether the name can be a folder's."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and len(name) <= LONGEST_NAME


def check_certificate_name(name: str) -> str:
    """Return the name if it can be a folder's. Raises InvalidInputError."""
    if not is_certificate_name(name):
        raise InvalidInputError(
            f"'{name[:80]}' is not a valid certificate name: use letters, digits, '.', '-' and "
            "'_', at"
            f" most {LONGEST_NAME}"
        )
    return name


class CertificateFiles:
    """The ``live`` and ``archive`` folders below the home."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._clock = clock
        self._known: KnownFiles | None = None

    @contextmanager
    def reading_many(self, *, save: bool) -> Iterator[None]:
        """Take what did not change from :class:`KnownFiles`; ``save`` there what is new."""
        self._known = known = KnownFiles(self._home / "known-files")
        try:
            yield
        finally:
            self._known = None
            if save:
                known.save()

    def live(self, name: str) -> Path:
        """Return the folder with the links to the newest version."""
        return self._home / "live" / name

    def archive(self, name: str) -> Path:
        """Return the folder with every version."""
        return self._home / "archive" / name

    def write(self, name: str, issued: Issued, form: FileForm = USUAL) -> list[Path]:
        """Write the next version and point the links at it; return the links.

        Every file is on disk before the first link moves, and keys are readable by their owner
        alone from the first byte, or by the group of the ``form``. Raises StorageError, and then
        the links are as they were.
        """
        contents = {
            "cert.pem": issued.chain.leaf_pem,
            "chain.pem": issued.chain.issuers_pem,
            "fullchain.pem": issued.chain.pem,
        }
        if issued.private_key:
            contents["privkey.pem"] = issued.private_key
        elif issued.csr:
            contents["csr.pem"] = issued.csr.pem.encode()
        contents |= on_request(name, issued, form)
        archive, live = self.archive(name), self.live(name)
        try:
            for folder in (archive.parent, archive, live.parent, live):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._let_in(form.access, archive, live)
            self.repair(name)
            version = next_version(archive)
            write_new(archive / WRITING, str(version).encode(), 0o600)
            write_all(archive, version, contents, form)
            self._point(name, version, contents)
            self._unlink_others(name, version)
            (archive / WRITING).unlink()
        except OSError as error:
            where = Path(error.filename or archive)
            reason = no_folder(where) or error.strerror
            raise StorageError(
                f"cannot write the certificate to {where}: {reason};"
                " fix that and run this again: the order is kept and continues"
            ) from error
        return [live / file for file in contents]

    def reshape(self, name: str, form: FileForm, before: FileForm = USUAL) -> None:
        """Bring the newest version into the ``form`` that the next one will have.

        Each file is replaced in one step. A group that only the form ``before`` let in is shut out,
        of older versions too. Files elsewhere, to which a person led a link, stay as they are, and
        so does what has no key. Raises StorageError.
        """
        archive, live = self.archive(name), self.live(name)
        try:
            linked = self._linked(name)
            version = linked.get("privkey.pem")
            if version is None:
                return
            self._let_in(form.access, archive, live)
            chain = parse_chain(read_file(live / "fullchain.pem"), str(live))
            issued = Issued(chain, read_file(live / "privkey.pem"))
            wanted = on_request(name, issued, form)
            for file in ON_REQUEST:
                path = archive / versioned(file, version)
                if file not in wanted:
                    if file in linked:
                        (live / file).unlink()
                    path.unlink(missing_ok=True)
                elif not is_same(path, wanted[file], form):
                    temporary = archive / f".{path.name}.new"
                    temporary.unlink(missing_ok=True)
                    write_new(temporary, wanted[file], form.mode(MODES[file]), form.access)
                    temporary.replace(path)
            flush_folder(archive)
            access = form.access
            if before.access.group not in (None, access.group):
                access = shut_out(before.access, access, archive, live)
            for file in ("privkey.pem", *wanted):
                give(archive / versioned(file, version), form.mode(MODES[file]), access)
            for file, of in linked.items():
                if MODES[file] & 0o077:
                    give(archive / versioned(file, of), MODES[file], ANYWAY)
            self._point(name, version, wanted)
        except AcmeError as error:
            raise StorageError(error.message) from error
        except OSError as error:
            raise StorageError(
                f"cannot change the files of {name} ({error.filename or archive}): {error.strerror}"
            ) from error

    def _let_in(self, access: Access, *folders: Path) -> None:
        """Let a group look into the folders, through those above them that it may not look into."""
        if access.group is None:
            return
        close_files(self._home)  # such as settings.toml, which may hold a password
        for folder in (self._home, *(folder.parent for folder in folders)):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | PASSAGE)
        for folder in folders:
            os.chown(folder, -1, access.group)
            folder.chmod(GROUP_FOLDER)

    def repair(self, name: str) -> None:
        """Finish or undo what a crash left half done. Raises StorageError.

        If it came between the links, all are pointed at the version that was being written. One
        that no link leads to yet is removed; it was never used, and its order brings it again. What
        stands in the way of a link is for a person to remove.
        """
        live, archive = self.live(name), self.archive(name)
        for path in (live / file for file in MODES):
            if is_folder(path) and not is_link(path):
                raise StorageError(
                    f"{path} is a directory, where a link to the certificate's file has to be: move"
                    " it away"
                )
        try:
            writing = version_in(archive / WRITING)
            if writing in self._linked(name).values():
                self._point(name, writing, MODES)
                self._unlink_others(name, writing)
            elif writing:
                for file in MODES:
                    (archive / versioned(file, writing)).unlink(missing_ok=True)
            (archive / WRITING).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot repair the links in {error.filename or live}: {error.strerror}"
            ) from error

    def _linked(self, name: str) -> dict[str, int]:
        """Return the version in the archive that each link leads to."""
        archive, live = _real(self.archive(name)), _real(self.live(name))
        versions = {}
        for file in MODES:
            link = live / file
            if not link.is_symlink():
                continue
            target = live / link.readlink()
            match = VERSIONED.fullmatch(target.name)
            if match and _real(target.parent) == archive:
                versions[file] = int(match[2])
        return versions

    def _point(self, name: str, version: int, files: Mapping[str, object]) -> None:
        # A link is read from where it really is, and '..' of a linked folder is on its own disk.
        live = _real(self.live(name))
        archive = _real(self._home) / "archive" / name
        for file in files:
            target = archive / versioned(file, version)
            if target.exists():
                replace_link(live / file, target)
        flush_folder(live)

    def _unlink_others(self, name: str, version: int) -> None:
        """Remove the links to what an older version had and this one has not."""
        for file, linked in self._linked(name).items():
            if linked != version:
                (self.live(name) / file).unlink()

    def stamp(self, name: str) -> bytes:
        """Return what changes whenever what is there does; empty if that cannot be relied on."""
        folder = self.live(name)
        return stamp_of([f"{folder}/{file}" for file in FILES], self._clock())

    def read(self, name: str) -> OnDisk:
        """Return what is there, whoever put it there; never raises."""
        folder = self.live(name)
        if self._known is None:
            return read_live(folder)
        stamp = self.stamp(name)
        certificate = self._known.find(name, stamp)
        if certificate:
            return OnDisk(certificate)
        found = read_live(folder)
        if found.certificate and not found.problem:
            self._known.note(name, stamp, found.certificate)
        return found

    def private_key(self, name: str) -> bytes | None:
        """Return the present key as PEM, None if there is none. Raises StorageError."""
        return self._optional(name, "privkey.pem")

    def bundle(self, name: str) -> bytes | None:
        """Return the present PKCS #12 file, None if there is none. Raises StorageError."""
        return self._optional(name, "bundle.p12")

    def csr(self, name: str) -> bytes | None:
        """Return the owner's request (PEM), None if there is none. Raises StorageError."""
        return self._optional(name, "csr.pem")

    def _optional(self, name: str, file: str) -> bytes | None:
        path = self.live(name) / file
        try:
            return read_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error

    def names(self) -> list[str]:
        """Return the certificates that are there, whether managed or not. Raises StorageError."""
        live = self.live("")
        try:
            return sorted(one.parent.name for one in live.glob("*/fullchain.pem"))
        except OSError as error:
            raise StorageError(f"cannot read {live}: {error.strerror}") from error

    def exist(self, name: str) -> bool:
        """Tell whether there is, or may be, any version of the certificate."""
        return not (is_missing(self.live(name)) and is_missing(self.archive(name)))

    def remove(self, name: str) -> None:
        """Remove every version and the links. Raises StorageError.

        Of a folder elsewhere, to which a link leads, only what was written to it goes.
        """
        for folder in (self.live(name), self.archive(name)):
            try:
                if folder.is_symlink():
                    _remove_linked(folder)
                elif folder.exists():
                    shutil.rmtree(folder)
            except OSError as error:
                raise StorageError(f"cannot remove {folder}: {error.strerror}") from error


def _real(path: Path) -> Path:
    """Return where a path leads; links in a circle are for whoever opens it to complain of."""
    return Path(os.path.realpath(path))


def _remove_linked(folder: Path) -> None:
    for entry in folder.iterdir() if exists(folder) else ():
        if entry.name in (*MODES, WRITING) or VERSIONED.fullmatch(entry.name):
            entry.unlink()
    with suppress(OSError):  # somebody else's files are in it
        _real(folder).rmdir()
    folder.unlink()
