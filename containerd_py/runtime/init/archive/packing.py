"""Packing: from a hostile tree to an archive (pax format), a member at a time.

Nothing is opened but regular files and directories, each from its directory's descriptor and never through a symlink. What
is gone, or has become something else, when its turn comes, is left out.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile

from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.archive.places import Place, find
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux.directories import names
from containerd_py.runtime.linux.paths import Resolve, openat2
from containerd_py.runtime.linux.statfs import filesystem_magic
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_DEEPEST = 200  # each level holds a descriptor, and four of the interpreter's 1000 frames
_MOST_LINKS = 65_536
_CHUNK = 1 << 20
_INSIDE = Resolve.BENEATH | Resolve.NO_SYMLINKS
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # should it be a fifo by now, this does not wait
_CHANGED = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO)  # ENXIO: it is a socket, or a device without driver
_XATTRS = ("user.", "security.capability")
_NO_XATTRS = (errno.ENOTSUP, errno.EPERM, errno.EACCES)
PAX_XATTR = "SCHILY.xattr."

# linux/magic.h: what the kernel makes up on reading, without an end or with effects. Their files say no true size.
_MADE_UP = frozenset(
    (
        *(0x9FA0, 0x6265_6572, 0x1CD1, 0x0027_E0EB, 0x6367_7270),  # proc, sysfs, devpts, cgroup, cgroup2
        *(0x1980_0202, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xCAFE_4A11),  # mqueue, debugfs, tracefs, securityfs, bpf
    )
)
_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


@executes(op.PackPath)
def pack_path(context: Context, step: op.PackPath) -> None:
    place = find(context, step.path)
    if filesystem_magic(place.parent.fileno()) in _MADE_UP or _is_made_up(place):
        raise StepFailed(errno.EINVAL, f"{step.path!r} is of a file system that the kernel makes up: read it by an exec")
    if stat.S_ISSOCK(place.found.st_mode):
        raise StepFailed(errno.EINVAL, f"{step.path!r} is a socket: an archive has no word for it")
    dialogue.send_found(context.control, place.document())
    with context.take_handle("out") as out:
        member = "." if step.path.endswith("/.") else place.title
        packer = Packer(out.fileno())
        packer.add(place.parent.fileno(), place.name, member)
        packer.end()


def _is_made_up(place: Place) -> bool:
    """A mount point itself."""
    with openat2(place.parent.fileno(), place.name, os.O_PATH | os.O_NOFOLLOW, 0, Resolve.BENEATH) as opened:
        return filesystem_magic(opened.fileno()) in _MADE_UP


class Packer:
    """out: where the archive goes, a pipe: it is never ahead of its reader by more than the pipe takes."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._links: dict[tuple[int, int], str] = {}

    def add(self, parent: int, name: str, member: str, depth: int = 0) -> None:
        """Pack what stands at `name` in `parent`, with all below, as `member`. Raises StepFailed, naming the member."""
        try:
            self._add(parent, name, member, depth)
        except OSError as problem:
            if problem.errno == errno.EPIPE:  # nobody reads any more
                os._exit(1)
            raise StepFailed(problem.errno or 0, f"{member!r}: {os.strerror(problem.errno or 0)}") from problem

    def end(self) -> None:
        self._write(bytes(2 * tarfile.BLOCKSIZE))

    def _add(self, parent: int, name: str, member: str, depth: int) -> None:
        found = _found(parent, name)
        if found is None or stat.S_ISSOCK(found.st_mode):  # an archive has no word for a socket
            return
        if stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode):
            opened = _opened(parent, name)
            if opened is None:
                return
            with opened:
                self._add_opened(opened.fileno(), member, depth)
        else:
            self._add_other(parent, name, member, found)

    def _add_opened(self, fd: int, member: str, depth: int) -> None:
        found = os.fstat(fd)  # of what is open, whatever was seen before
        if stat.S_ISDIR(found.st_mode):
            self._write(_header(member, found, xattrs=_xattrs(fd)))
            if filesystem_magic(fd) not in _MADE_UP:
                self._add_entries(fd, member, depth + 1)
        elif stat.S_ISREG(found.st_mode) and filesystem_magic(fd) not in _MADE_UP:
            self._add_file(fd, member, found)

    def _add_entries(self, directory: int, member: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise StepFailed(errno.ENAMETOOLONG, f"{member!r}: directories lie deeper than {_DEEPEST} levels")
        for name in names(directory):
            self.add(directory, name, f"{member}/{name}", depth)

    def _add_file(self, fd: int, member: str, found: os.stat_result) -> None:
        identity = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and identity in self._links:
            self._write(_header(member, found, kind=tarfile.LNKTYPE, link=self._links[identity]))
            return
        if found.st_nlink > 1 and len(self._links) < _MOST_LINKS:  # beyond, it is packed again
            self._links[identity] = member
        self._write(_header(member, found, xattrs=_xattrs(fd)))
        self._copy(fd, found.st_size)

    def _add_other(self, parent: int, name: str, member: str, found: os.stat_result) -> None:
        """A symlink, device or fifo: told, never opened."""
        link = ""
        if stat.S_ISLNK(found.st_mode):
            try:
                link = os.readlink(name, dir_fd=parent)
            except OSError as problem:
                if problem.errno not in (*_CHANGED, errno.EINVAL):
                    raise
                return
        self._write(_header(member, found, link=link))

    def _copy(self, fd: int, size: int) -> None:
        """Copy as many bytes as the header has told; zeros for those that are there no more."""
        left = size
        while left and (sent := os.sendfile(self._out, fd, None, min(left, _CHUNK))):
            left -= sent
        left += -size % tarfile.BLOCKSIZE
        while left:
            left -= self._write(bytes(min(left, _CHUNK)))

    def _write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._out, rest) :]
        return len(data)


def _found(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _opened(parent: int, name: str) -> Fd | None:
    try:
        return openat2(parent, name, _READ, 0, _INSIDE)
    except OSError as problem:
        if problem.errno not in _CHANGED:
            raise
        return None


def _xattrs(fd: int) -> dict[str, str]:
    """Return those that somebody without rights over the host can have set, as pax has them."""
    try:
        wanted = [name for name in os.listxattr(fd) if name.startswith(_XATTRS)]
        return {PAX_XATTR + name: os.getxattr(fd, name).decode("utf-8", "surrogateescape") for name in wanted}
    except OSError as problem:
        if problem.errno not in (*_NO_XATTRS, errno.ENODATA):
            raise
        return {}


def _header(
    member: str, found: os.stat_result, *, kind: bytes | None = None, link: str = "", xattrs: dict[str, str] | None = None
) -> bytes:
    info = tarfile.TarInfo(member)
    info.type = _TYPES[stat.S_IFMT(found.st_mode)] if kind is None else kind
    info.mode, info.uid, info.gid = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    info.mtime = found.st_mtime_ns // 1_000_000_000
    info.linkname = link
    info.size = found.st_size if info.type == tarfile.REGTYPE else 0
    if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
    info.pax_headers = {} if xattrs is None else dict(xattrs)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
