"""What a Go program does with libcontainer: New, Create, Run, Wait, Destroy. Run as root beside a folder `rootfs`."""

import os
import sys
import tempfile

from containerd_py.runtime import Container, parse

SPEC = parse(
    {
        "ociVersion": "1.2.0",
        "root": {"path": "./rootfs"},
        "hostname": "demo",
        "process": {
            "args": ["/bin/sh"],
            "env": ["PATH=/bin:/usr/bin", f"TERM={os.environ.get('TERM', 'xterm')}"],
            "terminal": any(map(os.isatty, range(3))),
            "noNewPrivileges": True,
            "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["noexec", "nosuid", "nodev"]},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755"],
            },
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777", "size=65536k"]},
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("mount", "pid", "uts", "ipc")],
            "resources": {"pids": {"limit": 128}},
            "maskedPaths": ["/proc/kcore", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug"],
            "readonlyPaths": [f"/proc/{name}" for name in ("asound", "bus", "fs", "irq", "sys", "sysrq-trigger")],
        },
    }
)


def main() -> int:
    state_root = os.path.join(tempfile.gettempdir(), "libcontainer-demo")
    with Container.create(f"demo-{os.getpid()}", SPEC, state_root=state_root) as container:
        container.start()
        status = container.wait()
    return status.code if status.code is not None else 128 + (status.signal or 0)


if __name__ == "__main__":
    sys.exit(main())
