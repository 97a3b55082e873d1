"""What a caller asks of a checkpoint and of a restore."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.checkpoint.messages import CgroupMode, PageServer


@dataclass(frozen=True, kw_only=True)
class _Common:
    """image_path: the directory of CRIU's images; work_path: of its logs, by default the same.

    program: of CRIU, its path or its name in PATH. cgroups: None for what the host allows (`outside.cgroup_mode`). The
    others are CRIU's own, see criu(8).
    """

    image_path: str
    work_path: str | None = None
    program: str = "criu"
    tcp_established: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    file_locks: bool = False
    auto_dedup: bool = False
    lazy_pages: bool = False
    cgroups: CgroupMode | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions(_Common):
    """parent_path: the images of an earlier pre-dump, relative to image_path. pre_dump: memory alone, of what runs on.

    page_server: what the memory's pages are sent to; with lazy_pages, what is served from.
    status_fd: where a zero byte is written once the pages can be fetched (lazy_pages).
    """

    parent_path: str | None = None
    leave_running: bool = False
    pre_dump: bool = False
    tcp_skip_in_flight: bool = False
    link_remap: bool = False
    page_server: PageServer | None = None
    status_fd: int | None = None


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(_Common):
    """lsm_profile: "apparmor:NAME" or "selinux:LABEL"."""

    lsm_profile: str | None = None
    lsm_mount_context: str | None = None
