"""The three forms of a request for a container become one: a validated OCI document."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import TYPE_CHECKING

from containerd_py import strict_json
from containerd_py.engine.lowering import lower
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.notify import told
from containerd_py.runtime.requirements import check_host
from containerd_py.runtime.spec.defaults import INIT_ANNOTATION
from containerd_py.runtime.spec.models import Mount, Spec, parse
from containerd_py.runtime.spec.validate import validate
from containerd_py.runtime.userns import may_drop_groups
from containerd_py.store.containers import NOTIFY_NAME
from containerd_py.wire import BundleSpec, ContainerSpec

if TYPE_CHECKING:
    from containerd_py.wire import CreateRequest

_LARGEST = 10 << 20


async def document(request: CreateRequest, container_id: str, *, device_rules: bool, notify: str = "") -> Spec:
    """Return the OCI document of a request, with an absolute root path. Raises InvalidArgument, NotSupported.

    notify: the directory of the socket that the payload notifies, where it has one.
    """
    if request.watchdog_s is not None and not request.notify:
        raise InvalidArgument(
            "cannot create container: watchdog_s: the payload has no socket to notify",
            step="lower",
            hint="give notify too, or leave watchdog_s out",
        )
    if isinstance(request, ContainerSpec):
        spec = await lower(request, container_id, device_rules=device_rules)
    elif isinstance(request, BundleSpec):
        spec = _with_root(parse(await in_own_thread(_read_bundle, request.bundle)), request.bundle)
    else:
        spec = _with_root(parse(request.oci), None)
    if request.init:
        spec = spec.replace(annotations=spec.annotations | {INIT_ANNOTATION: "true"})
    if request.notify:
        place = await asyncio.to_thread(os.path.realpath, notify)
        spec = told(spec, place, NOTIFY_NAME, watchdog_s=request.watchdog_s)
    validate(spec)
    if not isinstance(request, ContainerSpec):  # that asks for nothing of the kind
        await in_own_thread(check_host, spec, may_drop_groups=may_drop_groups(spec))
    if not spec.root.path.strip("/."):
        raise InvalidArgument("cannot use root file system '/': it is the host's own root", step="rootfs", errno="EINVAL")
    return spec


def _with_root(spec: Spec, bundle: str | None) -> Spec:
    """Make root.path absolute: relative to the bundle (config.md, "Root"); without one it must be so already."""
    path = spec.root.path
    if not path:
        return spec  # `validate` tells
    if not path.startswith("/") and bundle is None:
        raise InvalidArgument(
            f"cannot use root file system {path!r}: an OCI document without a bundle needs an absolute root.path",
            step="rootfs",
            hint="give root.path from '/', or send {\"bundle\": …} instead",
        )
    root = spec.root.replace(path=os.path.normpath(os.path.join(bundle or "/", path)))
    spec = spec.replace(root=root)
    if bundle is None or not spec.mounts:
        return spec
    return spec.replace(mounts=tuple(_with_source(mount, bundle) for mount in spec.mounts))


def _with_source(mount: Mount, bundle: str) -> Mount:
    """Make a bind's source absolute: relative to the bundle (config.md, "Mounts")."""
    bind = mount.type == "bind" or {"bind", "rbind"} & set(mount.options)
    if not bind or not mount.source or mount.source.startswith("/"):
        return mount
    return mount.replace(source=os.path.join(bundle, mount.source))


def _read_bundle(bundle: str) -> object:
    """Blocking."""
    path = os.path.join(bundle, "config.json")
    try:
        data = _read_regular(path)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot read bundle {bundle!r}: {path!r}: {problem.strerror}",
            step="bundle",
            errno=problem.errno,
            hint="a bundle is a directory with config.json in it",
        ) from problem
    if len(data) > _LARGEST:
        raise InvalidArgument(f"cannot read bundle {bundle!r}: config.json is larger than 10 MiB", step="bundle")
    return strict_json.loads(data, what=path)


def _read_regular(path: str) -> bytes:
    """Read a file, one byte more than is allowed at most. O_NONBLOCK: a FIFO in its place must not hang us."""
    with Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return os.pread(file.fileno(), _LARGEST + 1, 0)
