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

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    KeySerializationEncryption,
    NoEncryption,
    pkcs12,
)
from msgspec.structs import replace

from zoneproof.acme import key_from_pem, parse_chain
from zoneproof.core.access import ANYWAY, Access
from zoneproof.core.errors import AcmeError, InvalidInputError, StorageError
from zoneproof.core.files import flush_folder, read_file
from zoneproof.core.secretive import Secretive
from zoneproof.deployment.parts import combined
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.known_files import KnownFiles, stamp_of
from zoneproof.manager.certificates.on_disk import FILES, OnDisk, read_live

LONGEST_NAME = 253  # as long as a domain name, after which most certificates are called
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_VERSIONED = re.compile(r"([a-z]+?)(\d+)\.(pem|p12)")
_MODES = {
    "cert.pem": 0o644,
    "chain.pem": 0o644,
    "fullchain.pem": 0o644,
    "privkey.pem": 0o600,
    "csr.pem": 0o644,
    "bundle.p12": 0o600,
    "combined.pem": 0o600,
}
_ON_REQUEST = ("bundle.p12", "combined.pem")
_GROUP_MODE = 0o640  # of a key that a group may read
_GROUP_FOLDER, _PASSAGE = 0o750, 0o711
_WRITING = ".writing"


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


class FileForm(Secretive, frozen=True):
    """How a certificate is written besides the usual: who may read its key, and what is added.

    With a ``pkcs12_password``, which may be empty, there is a PKCS #12 file. ``combined`` is a file
    with the key and the full chain.
    """

    access: Access = ANYWAY
    pkcs12_password: bytes | None = None
    combined: bool = False

    def mode(self, usual: int) -> int:
        """Return the mode of a file: that of one with a key may be said."""
        if usual & 0o077:
            return usual
        return self.access.mode or (usual if self.access.group is None else _GROUP_MODE)


_USUAL = FileForm()


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

    def write(self, name: str, issued: Issued, form: FileForm = _USUAL) -> list[Path]:
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
        contents |= _on_request(name, issued, form)
        archive, live = self.archive(name), self.live(name)
        try:
            for folder in (archive.parent, archive, live.parent, live):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._let_in(form.access, archive, live)
            self.repair(name)
            version = _next_version(archive)
            _write_new(archive / _WRITING, str(version).encode(), 0o600)
            _write_all(archive, version, contents, form)
            self._point(name, version, contents)
            self._unlink_others(name, version)
            (archive / _WRITING).unlink()
        except OSError as error:
            where = Path(error.filename or archive)
            reason = _no_folder(where) or error.strerror
            raise StorageError(
                f"cannot write the certificate to {where}: {reason};"
                " fix that and run this again: the order is kept and continues"
            ) from error
        return [live / file for file in contents]

    def reshape(self, name: str, form: FileForm, before: FileForm = _USUAL) -> None:
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
            wanted = _on_request(name, issued, form)
            for file in _ON_REQUEST:
                path = archive / _versioned(file, version)
                if file not in wanted:
                    if file in linked:
                        (live / file).unlink()
                    path.unlink(missing_ok=True)
                elif not _is_same(path, wanted[file], form):
                    temporary = archive / f".{path.name}.new"
                    temporary.unlink(missing_ok=True)
                    _write_new(temporary, wanted[file], form.mode(_MODES[file]), form.access)
                    temporary.replace(path)
            flush_folder(archive)
            access = form.access
            if before.access.group not in (None, access.group):
                access = _shut_out(before.access, access, archive, live)
            for file in ("privkey.pem", *wanted):
                _give(archive / _versioned(file, version), form.mode(_MODES[file]), access)
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
        for folder in (self._home, *(folder.parent for folder in folders)):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | _PASSAGE)
        for folder in folders:
            os.chown(folder, -1, access.group)
            folder.chmod(_GROUP_FOLDER)

    def repair(self, name: str) -> None:
        """Finish or undo what a crash left half done. Raises StorageError.

        If it came between the links, all are pointed at the version that was being written. One
        that no link leads to yet is removed; it was never used, and its order brings it again. What
        stands in the way of a link is for a person to remove.
        """
        live, archive = self.live(name), self.archive(name)
        for path in (live / file for file in _MODES):
            if path.is_dir() and not path.is_symlink():
                raise StorageError(
                    f"{path} is a directory, where a link to the certificate's file has to be: move"
                    " it away"
                )
        try:
            writing = _version_in(archive / _WRITING)
            if writing in self._linked(name).values():
                self._point(name, writing, _MODES)
                self._unlink_others(name, writing)
            elif writing:
                for file in _MODES:
                    (archive / _versioned(file, writing)).unlink(missing_ok=True)
            (archive / _WRITING).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot repair the links in {error.filename or live}: {error.strerror}"
            ) from error

    def _linked(self, name: str) -> dict[str, int]:
        """Return the version in the archive that each link leads to."""
        archive, live = self.archive(name).resolve(), self.live(name).resolve()
        versions = {}
        for file in _MODES:
            link = live / file
            if not link.is_symlink():
                continue
            target = live / link.readlink()
            match = _VERSIONED.fullmatch(target.name)
            if match and target.parent.resolve() == archive:
                versions[file] = int(match[2])
        return versions

    def _point(self, name: str, version: int, files: Mapping[str, object]) -> None:
        # A link is read from where it really is, and '..' of a linked folder is on its own disk.
        live = self.live(name).resolve()
        archive = self._home.resolve() / "archive" / name
        for file in files:
            target = archive / _versioned(file, version)
            if target.exists():
                _replace_link(live / file, target)
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
        """Tell whether there is any version of the certificate."""
        return self.live(name).exists() or self.archive(name).exists()

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


def _remove_linked(folder: Path) -> None:
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name in (*_MODES, _WRITING) or _VERSIONED.fullmatch(entry.name):
            entry.unlink()
    with suppress(OSError):  # somebody else's files are in it
        folder.resolve().rmdir()
    folder.unlink()


def _on_request(name: str, issued: Issued, form: FileForm) -> dict[str, bytes]:
    """Return the files that only some forms have."""
    contents = {}
    if form.combined and issued.private_key:
        contents["combined.pem"] = combined(issued.private_key, issued.chain.pem)
    if form.pkcs12_password is not None:
        contents["bundle.p12"] = _bundle(name, issued, form.pkcs12_password)
    return contents


def _is_same(path: Path, content: bytes, form: FileForm) -> bool:
    """Tell whether a file that is there on request holds what it should."""
    try:
        present = read_file(path)
    except FileNotFoundError:
        return False
    if path.suffix != ".p12":
        return present == content
    password = form.pkcs12_password or None
    try:  # of two with the same content no byte need be the same
        opened, other = (pkcs12.load_pkcs12(data, password) for data in (present, content))
    except ValueError:
        return False
    return (opened.cert, opened.additional_certs) == (other.cert, other.additional_certs)


def _shut_out(before: Access, now: Access, *folders: Path) -> Access:
    """Close folders, and the keys in them, to the group of ``before``.

    Return whose files are ``now``: where no group is named, it is the one that new files have.
    """
    group = os.getegid() if now.group is None else now.group
    for folder in folders:
        if folder.stat().st_gid == before.group:
            os.chown(folder, -1, group)
            folder.chmod(0o700)
        for path in folder.iterdir():
            file = path.stat(follow_symlinks=False)
            is_private = not file.st_mode & 0o007
            if stat.S_ISREG(file.st_mode) and is_private and file.st_gid == before.group:
                _give(path, stat.S_IMODE(file.st_mode) & 0o700, ANYWAY)
    return replace(now, group=group)


def _give(path: Path, mode: int, access: Access) -> None:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        access.apply(descriptor, None, mode)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def _bundle(name: str, issued: Issued, password: bytes) -> bytes:
    protection: KeySerializationEncryption = (
        BestAvailableEncryption(password) if password else NoEncryption()
    )
    leaf, *issuers = issued.chain.certificates
    key = key_from_pem(issued.private_key) if issued.private_key else None
    return pkcs12.serialize_key_and_certificates(name.encode(), key, leaf, issuers, protection)


def _versioned(file: str, version: int) -> str:
    stem, _, suffix = file.partition(".")
    return f"{stem}{version}.{suffix}"


def _next_version(archive: Path) -> int:
    found = (_VERSIONED.fullmatch(entry.name) for entry in archive.iterdir())
    return max((int(match[2]) for match in found if match), default=0) + 1


def _version_in(note: Path) -> int:
    """Return the version that was being written, 0 for none."""
    try:
        return int(note.read_bytes())
    except (FileNotFoundError, ValueError):
        return 0


def _no_folder(path: Path) -> str:
    """Return why there can be no folder at the path, empty for any other reason.

    A link may lead to a disk that is not mounted now.
    """
    if path.is_dir() or not (path.is_symlink() or path.exists()):
        return ""
    if not path.exists():
        return f"it is a link to {path.readlink()}, which does not exist"
    return "it is not a directory"


def _write_all(archive: Path, version: int, contents: Mapping[str, bytes], form: FileForm) -> None:
    written = []
    try:
        for file, data in contents.items():
            path = archive / _versioned(file, version)
            written.append(path)
            usual = _MODES[file]
            _write_new(path, data, form.mode(usual), ANYWAY if usual & 0o077 else form.access)
        flush_folder(archive)
    except OSError as error:
        error.filename = error.filename or str(written[-1])  # a full disk does not say of which
        for path in (*written, archive / _WRITING):
            path.unlink(missing_ok=True)
        raise


def _write_new(path: Path, data: bytes, mode: int, access: Access = ANYWAY) -> None:
    usual = access == ANYWAY
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, mode if usual else 0o600), "wb") as file:
        if not usual:
            access.apply(file.fileno(), None, mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)
