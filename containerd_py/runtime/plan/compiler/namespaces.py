"""Where the worker is put, and what its namespaces hold besides mounts."""

from __future__ import annotations

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import IdRange, Join, UserMapping
from containerd_py.runtime.spec.defaults import NETWORK_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.compiler.placing import Placing
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.hooks import Hook
    from containerd_py.runtime.spec.linux import IdMapping, Linux
    from containerd_py.runtime.spec.models import Mount, Spec


_OWNER_SEARCH = 0x0008_0000  # KEY_USR_SEARCH: for workers of an exec, which are root of the user namespace as well


def namespaces(spec: Spec) -> dict[str, str]:
    """Return the container's namespaces that are not the host's, new or joined, and the JSON path of each."""
    return {namespace.type: f"linux.namespaces.{index}" for index, namespace in enumerate(spec.linux.namespaces)}


def new_namespaces(spec: Spec) -> set[str]:
    return {namespace.type for namespace in spec.linux.namespaces if not namespace.path}


def joined_namespaces(spec: Spec) -> tuple[Join, ...]:
    origins = namespaces(spec)
    return tuple(Join(one.type, one.path, f"{origins[one.type]}.path") for one in spec.linux.namespaces if one.path)


def user_mapping(spec: Spec) -> UserMapping | None:
    if "user" not in new_namespaces(spec):
        return None
    return mapping_by(spec.linux, "linux")


def mapping_by(given: Linux | Mount, origin: str) -> UserMapping:
    """Return what the uidMappings and gidMappings of something say. origin: its JSON path."""
    ranges = id_ranges(given.uid_mappings), id_ranges(given.gid_mappings)
    return UserMapping(*ranges, f"{origin}.uidMappings", f"{origin}.gidMappings")


def id_ranges(mappings: tuple[IdMapping, ...]) -> tuple[IdRange, ...]:
    return tuple(IdRange(one.container_id, one.host_id, one.size) for one in mappings)


def placement_steps(spec: Spec, placing: Placing) -> Iterator[Operation]:
    new, origins = new_namespaces(spec), namespaces(spec)
    if placing.v1_cgroups:
        yield op.JoinCgroup(placing.v1_cgroups)
    if "user" in origins:
        yield op.BecomeRoot(placing.may_drop_groups, origin=origins["user"])
    yield op.ResetProcess(keyring_name(placing), _OWNER_SEARCH if placing.new_keyring else 0)
    if "cgroup" in new and not placing.scope:
        yield op.UnshareCgroup(origin=origins["cgroup"])


def keyring_name(placing: Placing) -> str:
    """As runc has it. A user namespace has names of its own (keyrings(7))."""
    return f"_ses.{placing.container_id}" if placing.new_keyring else ""


def parent_steps(spec: Spec) -> Iterator[Operation]:
    """Wait for what only the parent can do. Hooks of the worker's own need the state that comes with its answer."""
    hooks = spec.hooks
    what = {
        "network devices": spec.linux.net_devices,
        "a class of service": spec.linux.intel_rdt is not None,
        "prestart hooks": hooks.prestart,
        "createRuntime hooks": hooks.create_runtime,
        "the container's state": hooks.create_container or hooks.start_container,
    }
    asked = tuple(name for name, wanted in what.items() if wanted)
    if asked:
        yield op.AwaitParent(asked)


def hook_steps(
    moment: str, status: str, hooks: tuple[Hook, ...], inherited: tuple[str, ...] | None = None
) -> Iterator[Operation]:
    """inherited: the environment of those that have none; as with runc, the payload's for hooks that run in its place."""
    for index, hook in enumerate(hooks):
        inherits = inherited is not None and not hook.env
        environment = inherited if inherited is not None and inherits else hook.env
        program = (hook.path, hook.args, environment, hook.timeout)
        yield op.RunHooks(moment, status, (program,), inherits, origin=f"hooks.{moment}.{index}")


def name_steps(spec: Spec) -> Iterator[Operation]:
    if "network" in new_namespaces(spec) and spec.annotations.get(NETWORK_ANNOTATION) != "none":
        yield op.LoopbackUp(origin=namespaces(spec)["network"])
    if spec.hostname:
        yield op.SetHostname(spec.hostname, origin="hostname")
    if spec.domainname:
        yield op.SetDomainname(spec.domainname, origin="domainname")
