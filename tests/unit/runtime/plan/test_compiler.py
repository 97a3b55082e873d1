"""What specs turn into: the semantics of the runtime specification, read from Plans."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing, compile_exec, compile_plan
from containerd_py.runtime.seccomp.kept import SeccompFilter
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]

PLACING = Placing("/srv/root", "box", 0)
OWNER_MAY_SEARCH = 0x0008_0000
FILTER = SeccompFilter(b"12345678", 2)
SLAVE = op.SetPropagation(int(Propagation.SLAVE), "rslave")
DEVICES = (
    op.MakeDevice("/dev/null", "c", 1, 3, 0o666, 0, 0),
    op.MakeDevice("/dev/zero", "c", 1, 5, 0o666, 0, 0),
    op.MakeDevice("/dev/full", "c", 1, 7, 0o666, 0, 0),
    op.MakeDevice("/dev/random", "c", 1, 8, 0o666, 0, 0),
    op.MakeDevice("/dev/urandom", "c", 1, 9, 0o666, 0, 0),
    op.MakeDevice("/dev/tty", "c", 5, 0, 0o666, 0, 0),
)
LINKS = (
    op.MakeSymlink("/dev/fd", "/proc/self/fd"),
    op.MakeSymlink("/dev/stdin", "/proc/self/fd/0"),
    op.MakeSymlink("/dev/stdout", "/proc/self/fd/1"),
    op.MakeSymlink("/dev/stderr", "/proc/self/fd/2"),
)


def steps(spec: Spec, *, placing: Placing = PLACING, seccomp: SeccompFilter | None = None) -> tuple[op.Operation, ...]:
    return compile_plan(spec, placing, seccomp).operations


def between(
    found: tuple[op.Operation, ...], first: type[op.Operation], last: type[op.Operation]
) -> tuple[op.Operation, ...]:
    """Return what stands between the first `first` and the `last` that follows."""
    kinds = [type(operation) for operation in found]
    start = kinds.index(first) + 1
    return found[start : kinds.index(last, start)]


def of_kind(found: tuple[op.Operation, ...], *kinds: type[op.Operation]) -> list[op.Operation]:
    return [operation for operation in found if isinstance(operation, kinds)]


def test_a_small_spec(make_spec: MakeSpec) -> None:
    plan = compile_plan(make_spec({}), PLACING, None)
    assert plan.namespaces == ("mount", "pid", "uts")
    assert plan.operations == (
        op.ResetProcess("_ses.box", OWNER_MAY_SEARCH),
        SLAVE,
        op.AttachRoot("/srv/root"),
        *DEVICES,
        *LINKS,
        op.PivotRoot(),
        op.AttachStdio(terminal=False, uid=0, gid=0),
        op.CloseOnExec(),
        op.ChangeDirectory("/"),
        op.SetIdentity(0, 0, (), 0o022),
        op.FindHome(0),
        op.FindProgram("/bin/true", ("/bin", "/usr/bin")),
        op.AwaitStart(),
        op.ResetSignals(),
        op.Exec(("/bin/true",), ()),
    )


def test_a_spec_of_defaults(make_spec: MakeSpec) -> None:
    """The whole list for what an ordinary container asks for."""
    spec = make_spec({"hostname": "box", "process.noNewPrivileges": True, "process.env": [f"PATH={defaults.PATH}"]})
    assert spec.process is not None
    spec = spec.replace(
        mounts=defaults.mounts(),
        process=spec.process.replace(capabilities=defaults.capabilities()),
        linux=spec.linux.replace(
            namespaces=defaults.namespaces(), masked_paths=("/proc/kcore",), readonly_paths=("/proc/sys",)
        ),
    )
    plan = compile_plan(spec, Placing("/srv/root", "box", 2), FILTER)
    hidden = int(MountAttr.NOSUID | MountAttr.NOEXEC | MountAttr.NODEV)
    loose = int(MountAttr.NOSUID | MountAttr.STRICTATIME)
    kept = 0x8004_05FB
    assert plan.namespaces == ("cgroup", "ipc", "mount", "network", "pid", "uts")
    assert plan.operations == (
        op.JoinCgroup(2),
        op.ResetProcess("_ses.box", OWNER_MAY_SEARCH),
        op.UnshareCgroup(),
        SLAVE,
        op.CloneNull(),
        op.AttachRoot("/srv/root"),
        op.MountFilesystem("proc", "proc", "/proc", (), hidden),
        op.MountFilesystem("tmpfs", "tmpfs", "/dev", (("mode", "755"), ("size", "65536k")), loose),
        op.MountFilesystem(
            *("devpts", "devpts", "/dev/pts"),
            (("newinstance", None), ("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")),
            int(MountAttr.NOSUID | MountAttr.NOEXEC),
        ),
        op.MountFilesystem("tmpfs", "tmpfs", "/dev/shm", (("mode", "1777"), ("size", "65536k")), hidden),
        op.MountFilesystem("mqueue", "mqueue", "/dev/mqueue", (), hidden),
        op.MountFilesystem("sysfs", "sysfs", "/sys", (), hidden | int(MountAttr.RDONLY)),
        *DEVICES,
        *LINKS,
        op.MakeSymlink("/dev/ptmx", "pts/ptmx"),
        op.LoopbackUp(),
        op.SetHostname("box"),
        op.PivotRoot(),
        op.ReadonlyPath("/proc/sys"),
        op.MaskPath("/proc/kcore"),
        op.AttachStdio(terminal=False, uid=0, gid=0),
        op.CloseOnExec(),
        op.ChangeDirectory("/"),
        op.LimitBounding(kept),
        op.SetIdentity(0, 0, (), 0o022),
        op.SetCapabilities(kept, kept, 0, 0),
        op.FindHome(0),
        op.FindProgram("/bin/true", tuple(defaults.PATH.split(":"))),
        op.SetNoNewPrivs(),
        op.AwaitStart(),
        op.ResetSignals(),
        op.LoadSeccomp(b"12345678", 2),
        op.Exec(("/bin/true",), (f"PATH={defaults.PATH}",)),
    )


def test_a_terminal_is_opened_on_the_containers_devpts(make_spec: MakeSpec) -> None:
    spec = make_spec(
        {
            "process.terminal": True,
            "process.consoleSize": {"height": 24, "width": 80},
            "process.user": {"uid": 7},
            "mounts": [{"destination": "/dev/pts", "type": "devpts"}],
        }
    )
    found = steps(spec)
    assert of_kind(found, op.OpenConsole, op.AttachStdio) == [
        op.OpenConsole(24, 80, 7),
        op.AttachStdio(terminal=True, uid=7, gid=0),
    ]
    assert between(found, op.MakeSymlink, op.PivotRoot)[-2:] == (
        op.MakeSymlink("/dev/ptmx", "pts/ptmx"),
        op.OpenConsole(24, 80, 7),
    )


def test_a_terminal_without_a_size_has_none(make_spec: MakeSpec) -> None:
    assert op.OpenConsole(0, 0, 0) in steps(make_spec({"process.terminal": True}))


def test_a_read_only_root_is_made_so_after_everything_is_built(make_spec: MakeSpec) -> None:
    changes = {"root.readonly": True, "linux.readonlyPaths": ["/a", "/b"], "linux.maskedPaths": ["/c"]}
    found = steps(make_spec(changes))
    assert between(found, op.PivotRoot, op.AttachStdio) == (
        *(op.ReadonlyRoot(), op.ReadonlyPath("/a"), op.ReadonlyPath("/b"), op.MaskPath("/c")),
    )


def test_sources_of_binds_are_taken_before_the_root_is_entered(make_spec: MakeSpec) -> None:
    """SECURITY R4: and mounted in the order of the document."""
    mounts = [
        {"destination": "/data", "source": "/srv/data", "type": "bind", "options": ["ro", "rslave"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "mem", "options": ["nosuid", "mode=700", "private"]},
        {"destination": "/all", "source": "/srv/all", "options": ["rbind", "rnoexec", "rw"]},
    ]
    others = MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOSYMFOLLOW
    found = steps(make_spec({"mounts": mounts}))
    assert between(found, op.SetPropagation, op.AttachRoot) == (
        op.CloneTree(0, "/srv/data", recursive=False),
        op.CloneTree(2, "/srv/all", recursive=True),
    )
    assert between(found, op.AttachRoot, op.MakeDevice) == (
        op.AttachTree(
            0,
            "/srv/data",
            "/data",
            int(MountAttr.RDONLY),
            0,
            propagation=int(Propagation.SLAVE),
            propagation_recursive=True,
            unsaid=int(others | MountAttr.NOEXEC),
        ),
        op.MountFilesystem(
            "tmpfs", "mem", "/tmp", (("mode", "700"),), int(MountAttr.NOSUID), propagation=int(Propagation.PRIVATE)
        ),
        op.AttachTree(
            *(2, "/srv/all", "/all", 0, int(MountAttr.RDONLY)), below_add=int(MountAttr.NOEXEC), unsaid=int(others)
        ),
    )


def test_a_bound_dev_is_left_as_it_is(make_spec: MakeSpec) -> None:
    found = steps(make_spec({"mounts": [{"destination": "/dev/", "source": "/dev", "type": "bind"}]}))
    assert of_kind(found, op.MakeDevice, op.MakeSymlink) == []


def test_devices_that_are_asked_for_replace_the_defaults(make_spec: MakeSpec) -> None:
    devices = [
        {"type": "c", "path": "/dev/null", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 5, "gid": 6},
        {"type": "u", "path": "/dev/fuse", "major": 10, "minor": 229},
        {"type": "p", "path": "/dev/pipe"},
    ]
    found = of_kind(steps(make_spec({"linux.devices": devices})), op.MakeDevice)
    assert found == [
        *DEVICES[1:],
        op.MakeDevice("/dev/null", "c", 1, 3, 0o600, 5, 6),
        op.MakeDevice("/dev/fuse", "c", 10, 229, 0o666, 0, 0),
        op.MakeDevice("/dev/pipe", "p", 0, 0, 0o666, 0, 0),
    ]


@pytest.mark.parametrize(
    ("namespaces", "annotations", "up"),
    [
        (["mount", "network"], {}, True),
        (["mount", "network"], {defaults.NETWORK_ANNOTATION: "none"}, False),
        (["mount"], {}, False),
    ],
)
def test_only_an_own_network_is_touched(
    make_spec: MakeSpec, *, namespaces: list[str], annotations: dict[str, str], up: bool
) -> None:
    spec = make_spec({"linux.namespaces": [{"type": kind} for kind in namespaces], "annotations": annotations})
    assert bool(of_kind(steps(spec), op.LoopbackUp)) is up


def test_the_cgroup_namespace_is_entered_once_the_cgroup_is_joined(make_spec: MakeSpec) -> None:
    """Its root is the cgroup that the process is in at that moment (cgroup_namespaces(7))."""
    spec = make_spec({"linux.namespaces": [{"type": "mount"}, {"type": "cgroup"}]})
    found = steps(spec, placing=Placing("/r", "box", 1))
    assert found[:3] == (op.JoinCgroup(1), op.ResetProcess("_ses.box", OWNER_MAY_SEARCH), op.UnshareCgroup())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, SLAVE),
        ("", SLAVE),
        ("rslave", SLAVE),
        ("private", op.SetPropagation(int(Propagation.PRIVATE), "private", recursive=False)),
        ("rprivate", op.SetPropagation(int(Propagation.PRIVATE), "rprivate")),
    ],
)
def test_propagation_of_the_root(make_spec: MakeSpec, wanted: str | None, expected: op.Operation) -> None:
    assert of_kind(steps(make_spec({"linux.rootfsPropagation": wanted})), op.SetPropagation) == [expected]


# ── the order in which a process is confined ─────────────────────────────────────────────────────────────────────────


def test_with_no_new_privileges_seccomp_is_loaded_last(make_spec: MakeSpec) -> None:
    """SECURITY R9: after start, so that the filter need not allow what the worker itself still does."""
    found = steps(make_spec({"process.noNewPrivileges": True}), seccomp=FILTER)
    assert found[-5:] == (
        op.SetNoNewPrivs(),
        op.AwaitStart(),
        op.ResetSignals(),
        op.LoadSeccomp(b"12345678", 2),
        op.Exec(("/bin/true",), ()),
    )


def test_without_no_new_privileges_seccomp_comes_before_capabilities_are_given_up(make_spec: MakeSpec) -> None:
    """Else the kernel refuses the filter (seccomp(2): CAP_SYS_ADMIN or no_new_privs)."""
    spec = make_spec({"process.capabilities": {"bounding": ["CAP_KILL"]}})
    kinds = [type(operation) for operation in steps(spec, seccomp=FILTER)]
    assert kinds.count(op.LoadSeccomp) == 1
    assert op.SetNoNewPrivs not in kinds
    assert kinds.index(op.CloseOnExec) < kinds.index(op.LoadSeccomp) < kinds.index(op.LimitBounding)


@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_signals_are_reset_once_before_a_filter_may_forbid_it(make_spec: MakeSpec, *, no_new_privileges: bool) -> None:
    found = steps(make_spec({"process.noNewPrivileges": no_new_privileges}), seccomp=FILTER)
    kinds = [type(operation) for operation in found]
    assert kinds.count(op.ResetSignals) == 1
    assert kinds.index(op.ResetSignals) + 1 == kinds.index(op.LoadSeccomp)


def test_without_a_profile_no_filter_is_loaded(make_spec: MakeSpec) -> None:
    assert of_kind(steps(make_spec({"process.noNewPrivileges": True})), op.LoadSeccomp) == []


def test_capabilities_become_masks(make_spec: MakeSpec) -> None:
    sets = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_KILL"],
        "effective": ["CAP_CHOWN"],
        "permitted": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"],
        "inheritable": ["CAP_DAC_OVERRIDE"],
    }
    found = between(steps(make_spec({"process.capabilities": sets})), op.ChangeDirectory, op.FindHome)
    assert found == (
        op.LimitBounding(0b10_0001),
        op.SetIdentity(0, 0, (), 0o022),
        op.SetCapabilities(0b1, 1 << 40 | 1, 0b10, 0),
    )


@pytest.mark.parametrize(
    ("permitted", "inheritable", "expected"),
    [
        (["CAP_CHOWN", "CAP_KILL"], ["CAP_CHOWN", "CAP_KILL"], 0b10_0001),
        (["CAP_CHOWN"], ["CAP_CHOWN", "CAP_KILL"], 0b1),
        (["CAP_CHOWN", "CAP_KILL"], ["CAP_KILL"], 0b10_0000),
        (["CAP_CHOWN", "CAP_KILL"], [], 0),
    ],
)
def test_ambient_capabilities_are_those_that_the_kernel_takes(
    make_spec: MakeSpec, permitted: list[str], inheritable: list[str], expected: int
) -> None:
    sets = {"permitted": permitted, "inheritable": inheritable, "ambient": ["CAP_CHOWN", "CAP_KILL"]}
    (found,) = of_kind(steps(make_spec({"process.capabilities": sets})), op.SetCapabilities)
    assert isinstance(found, op.SetCapabilities)
    assert found.ambient == expected


def test_without_capabilities_none_are_touched(make_spec: MakeSpec) -> None:
    assert of_kind(steps(make_spec({})), op.LimitBounding, op.SetCapabilities) == []


def test_empty_sets_take_everything_away(make_spec: MakeSpec) -> None:
    found = steps(make_spec({"process.capabilities": {}}))
    assert of_kind(found, op.LimitBounding, op.SetCapabilities) == [op.LimitBounding(0), op.SetCapabilities(0, 0, 0, 0)]


def test_the_user_and_the_umask(make_spec: MakeSpec) -> None:
    spec = make_spec({"process.user": {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 0}})
    assert op.SetIdentity(5, 6, (7,), 0) in steps(spec)


def test_a_working_directory_is_entered_before_the_identity_is_given_up(make_spec: MakeSpec) -> None:
    """And once more after it, for file systems that refuse root."""
    found = steps(make_spec({"process.user": {"uid": 5}, "process.cwd": "/w"}))
    assert of_kind(found, op.ChangeDirectory, op.SetIdentity) == [
        op.ChangeDirectory("/w", first=True),
        op.SetIdentity(5, 0, (), 0o022),
        op.ChangeDirectory("/w"),
    ]


def test_a_working_directory_is_entered_before_a_filter_that_may_deny_to_ask_for_it(make_spec: MakeSpec) -> None:
    found = steps(make_spec({"process.cwd": "/w", "process.noNewPrivileges": False}), seccomp=FILTER)
    assert [type(step) for step in of_kind(found, op.ChangeDirectory, op.LoadSeccomp)] == [
        op.ChangeDirectory,
        op.LoadSeccomp,
    ]


def test_a_working_directory_is_made(make_spec: MakeSpec) -> None:
    found = steps(make_spec({"process.cwd": "/var/lib/app"}))
    assert of_kind(found, op.MakeDirectory, op.ChangeDirectory) == [
        op.MakeDirectory("/var/lib/app"),
        op.ChangeDirectory("/var/lib/app"),
    ]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ([], ("/bin", "/usr/bin")),
        (["PATH=/a:/b"], ("/a", "/b")),
        (["PATH=/a", "PATH=/b"], ("/b",)),
        (["PATH="], ("",)),
        (["XPATH=/a"], ("/bin", "/usr/bin")),
    ],
)
def test_programs_are_looked_up_by_the_payloads_path(
    make_spec: MakeSpec, env: list[str], expected: tuple[str, ...]
) -> None:
    assert op.FindProgram("/bin/true", expected) in steps(make_spec({"process.env": env}))


def test_names(make_spec: MakeSpec) -> None:
    found = steps(make_spec({"hostname": "box", "domainname": "lan"}))
    assert of_kind(found, op.SetHostname, op.SetDomainname) == [op.SetHostname("box"), op.SetDomainname("lan")]


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_an_init_process_stays_once_it_may_no_more(make_spec: MakeSpec, *, terminal: bool, no_new_privileges: bool) -> None:
    """It is the last thing before exec: whatever confines the payload confines it too."""
    changes = {"process.terminal": terminal, "process.noNewPrivileges": no_new_privileges}
    spec = make_spec({**changes, "annotations": {"org.pycontainerd.init": "true"}})
    operations = compile_plan(spec, PLACING, None).operations
    assert operations[-2] == op.ForkPayload(terminal)
    assert operations[:-2] + operations[-1:] == compile_plan(make_spec(changes), PLACING, None).operations


def test_a_further_process_is_none(make_spec: MakeSpec) -> None:
    spec = make_spec({"annotations": {"org.pycontainerd.init": "true"}})
    assert spec.process is not None
    operations = compile_exec(spec, spec.process, PLACING, None).operations
    assert op.ForkPayload not in set(map(type, operations))
