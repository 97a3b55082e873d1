"""Unpacking: from a hostile archive into a hostile tree, a member at a time.

No member gets out of the directory that the archive is unpacked in: its parents are resolved by the kernel from that
directory's descriptor. What is made gets a name of its own first, and its owner, mode and content by its descriptor; then
it is renamed to where it belongs, so that whoever looks sees the old one or the whole new one.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import tarfile
from contextlib import contextmanager, suppress

from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.archive.headers import Intake, members
from containerd_py.runtime.init.archive.packing import PAX_XATTR
from containerd_py.runtime.init.archive.places import DIRECTORY, check_uncovered, find
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux.ownership import chown
from containerd_py.runtime.linux.paths import Resolve, open_beneath, open_in_root, openat2
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.linux.fd import Fd

_LARGEST_ID = 2**31 - 1
_HERE = Resolve.BENEATH | Resolve.NO_SYMLINKS
_READ_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_NOT_KEPT = (errno.ENOTSUP, errno.EPERM)  # this file system, or this user namespace, has no such attributes
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_NODES = {tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}
_CAUSES = {
    errno.EXDEV: "it leads out of the directory that the archive is unpacked in",
    errno.EISDIR: "a directory stands there",
    errno.ENOTDIR: "something that is no directory stands there, or on its way",
    errno.EBUSY: "a mount stands there",
    errno.ELOOP: "symlinks on its way lead in circles",
}


@executes(op.UnpackArchive)
def unpack_archive(context: Context, step: op.UnpackArchive) -> None:
    place = find(context, step.path)
    target = _target(context, step.path)
    dialogue.send_found(context.control, place.document())
    with target, context.take_handle("in") as source:
        unpacker = Unpacker(context, target.fileno())
        intake = Intake(source.fileno())
        for member in members(intake):
            unpacker.add(member, intake)
        unpacker.end()
        intake.drain()


def _target(context: Context, path: str) -> Fd:
    """A symlink to a directory will do."""
    try:
        target = open_in_root(context.root_fd(), path, DIRECTORY)
    except OSError as problem:
        raise StepFailed(problem.errno or 0, os.strerror(problem.errno or 0)) from problem
    check_uncovered(context, target.fileno(), path)
    return target


class Unpacker:
    """target: the directory; where it is the root itself, symlinks lead where they lead in the container."""

    def __init__(self, context: Context, target: int) -> None:
        self._context = context
        self._target = target
        self._open = open_in_root if _same(target, context.root_fd()) else open_beneath
        self._parent: tuple[str, Fd] | None = None
        self._times: list[tuple[str, int]] = []

    def add(self, member: tarfile.TarInfo, intake: Intake) -> None:
        """Make what the member says. Raises StepFailed, naming it."""
        try:
            self._add(member, intake)
        except OSError as problem:
            cause = _CAUSES.get(problem.errno or 0) or os.strerror(problem.errno or 0)
            raise StepFailed(problem.errno or 0, f"member {_shown(member.name)}: {cause}") from problem
        except StepFailed as problem:
            raise StepFailed(problem.errno, f"member {_shown(member.name)}: {problem}") from problem

    def end(self) -> None:
        """Give directories their times, now that nothing is put into them any more."""
        self._forget_parent()
        for path, mtime_ns in reversed(self._times):
            with suppress(OSError), self._open(self._target, path, _READ_DIRECTORY, resolve=Resolve.NO_SYMLINKS) as made:
                os.utime(made.fileno(), ns=(mtime_ns, mtime_ns))

    def _add(self, member: tarfile.TarInfo, intake: Intake) -> None:
        _check(member)
        path = _path(member.name)
        if not path:
            return  # the directory that it is unpacked in: what it is stays
        parent, _, name = path.rpartition("/")
        directory = self._directory(parent)
        if member.isdir():
            _make_directory(directory, name, member)
            self._times.append((path, _mtime_ns(member)))
            return
        self._put(directory, name, member, intake)
        if member.issym():
            self._forget_parent()  # it may stand on the way to what comes next

    def _put(self, directory: int, name: str, member: tarfile.TarInfo, intake: Intake) -> None:
        temporary = f".pycontainerd-{os.urandom(8).hex()}"
        try:
            if member.type in _FILES:
                _make_file(directory, temporary, member, intake)
            elif member.issym():
                os.symlink(member.linkname, temporary, dir_fd=directory)
                _finish(directory, temporary, member, stat.S_IFLNK)
            elif member.islnk():
                self._link(directory, temporary, member)
            else:
                kind = _NODES[member.type]
                device = os.makedev(member.devmajor, member.devminor) if kind != stat.S_IFIFO else 0
                os.mknod(temporary, kind | stat.S_IMODE(member.mode), device, dir_fd=directory)
                _finish(directory, temporary, member, kind)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        finally:  # also after the renaming of one link of a file to another, which does nothing (rename(2))
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)

    def _link(self, directory: int, temporary: str, member: tarfile.TarInfo) -> None:
        """To what the archive has had before, so in the directory that it is unpacked in too."""
        parent, _, name = _path(member.linkname).rpartition("/")
        if not name:
            raise StepFailed(errno.EINVAL, "it is a hard link to the directory that the archive is unpacked in")
        try:
            with self._open(self._target, parent or ".", DIRECTORY) as source:
                check_uncovered(self._context, source.fileno(), member.linkname)
                os.link(name, temporary, src_dir_fd=source.fileno(), dst_dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError as problem:
            cause = f"it is a hard link to {_shown(member.linkname)}, which is not there"
            raise StepFailed(errno.ENOENT, cause) from problem

    # ── directories on the way ──

    def _directory(self, path: str) -> int:
        """Return the descriptor of a directory, made where it is missing; it stays open for the next member."""
        if self._parent is None or self._parent[0] != path:
            self._forget_parent()
            opened = self._open_or_make(path)
            self._parent = (path, opened)
            check_uncovered(self._context, opened.fileno(), path)
        return self._parent[1].fileno()

    def _open_or_make(self, path: str) -> Fd:
        with suppress(FileNotFoundError):
            return self._open(self._target, path or ".", DIRECTORY)
        walked = ""
        for name in path.split("/"):
            above, walked = walked, f"{walked}/{name}" if walked else name
            with suppress(FileNotFoundError):
                self._open(self._target, walked, DIRECTORY).close()
                continue
            with self._open(self._target, above or ".", DIRECTORY) as parent, suppress(FileExistsError):
                check_uncovered(self._context, parent.fileno(), above)
                os.mkdir(name, 0o755, dir_fd=parent.fileno())
        return self._open(self._target, path, DIRECTORY)

    def _forget_parent(self) -> None:
        if self._parent is not None:
            self._parent[1].close()
            self._parent = None


def _check(member: tarfile.TarInfo) -> None:
    """Raises StepFailed for what is not made, before anything is (SECURITY R8 for ids)."""
    for what, text in (("name", member.name), ("link", member.linkname)):
        if "\0" in text:
            raise StepFailed(errno.EINVAL, f"its {what} has a NUL in it")
    if any("\0" in key for key in member.pax_headers):
        raise StepFailed(errno.EINVAL, "one of its extended attributes has a NUL in its name")
    if member.issparse():
        raise StepFailed(errno.EINVAL, "it is sparse: pack it without --sparse")
    if member.type not in (*_FILES, *_NODES, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE):
        raise StepFailed(errno.EINVAL, f"it is of an unknown type {member.type!r}")
    for what, number in (("owner", member.uid), ("group", member.gid)):
        if type(number) is not int or not 0 <= number <= _LARGEST_ID:
            raise StepFailed(errno.EINVAL, f"its {what} {number!r} is out of range")
    if not 0 <= member.devmajor < 1 << 12 or not 0 <= member.devminor < 1 << 20:
        raise StepFailed(errno.EINVAL, "its device number is out of range")
    _mtime_ns(member)


def _path(name: str) -> str:
    """Return a name as a path below the directory that the archive is unpacked in; one that is absolute too."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise StepFailed(errno.EINVAL, f"{_shown(name)} has '..' in it")
    return "/".join(parts)


def _mtime_ns(member: tarfile.TarInfo) -> int:
    if not math.isfinite(member.mtime) or abs(member.mtime) >= 1 << 33:  # 272 years: what nanoseconds in 64 bits hold
        raise StepFailed(errno.EINVAL, "its time is out of range")
    return int(member.mtime * 1_000_000_000)


def _make_directory(parent: int, name: str, member: tarfile.TarInfo) -> None:
    """One that is there stays, with what is in it, and becomes what the member says."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    with openat2(parent, name, _READ_DIRECTORY, 0, _HERE) as made:
        _finish_open(made.fileno(), member)


def _make_file(parent: int, name: str, member: tarfile.TarInfo, intake: Intake) -> None:
    with openat2(parent, name, _CREATE, 0o600, _HERE) as made:
        for piece in intake.pieces(member.size):
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(made.fileno(), rest) :]
        _finish_open(made.fileno(), member)
        os.utime(made.fileno(), ns=(_mtime_ns(member), _mtime_ns(member)))


def _finish_open(fd: int, member: tarfile.TarInfo) -> None:
    """In this order: a change of owner takes set-user-ID bits and file capabilities away."""
    with _told_owner(member):
        os.fchown(fd, member.uid, member.gid)
    os.fchmod(fd, stat.S_IMODE(member.mode))
    for key, value in member.pax_headers.items():
        if key.startswith(PAX_XATTR):
            try:
                os.setxattr(fd, key.removeprefix(PAX_XATTR), value.encode("utf-8", "surrogateescape"))
            except OSError as problem:
                if problem.errno not in _NOT_KEPT:
                    raise


def _finish(parent: int, name: str, member: tarfile.TarInfo, kind: int) -> None:
    """Somebody else may have put another file in its place meanwhile: that one must not get the owner."""
    with openat2(parent, name, os.O_PATH | os.O_NOFOLLOW, 0, Resolve.BENEATH) as made:
        found = os.fstat(made.fileno())
        if stat.S_IFMT(found.st_mode) != kind or found.st_nlink != 1:
            raise StepFailed(errno.EAGAIN, "it was changed while it was made")
        with _told_owner(member):
            chown(made.fileno(), member.uid, member.gid)
    os.utime(name, ns=(_mtime_ns(member), _mtime_ns(member)), dir_fd=parent, follow_symlinks=False)


@contextmanager
def _told_owner(member: tarfile.TarInfo) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        cause = f"its owner {member.uid}:{member.gid} is none of the container's user namespace"
        raise StepFailed(errno.EINVAL, cause) from problem


def _same(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))


def _shown(name: str) -> str:
    return repr(name if len(name) <= 200 else f"{name[:199]}…")
