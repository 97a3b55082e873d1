"""Programs that the kernel runs for a cgroup (bpf(2), linux/bpf.h): loading, attaching, listing.

One function per command, for programs of the kind that decides about devices. No policy, and no program: those are made by
`runtime.cgroups.devices`.
"""

from __future__ import annotations

import errno

from containerd_py.light import ctypes
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.syscall import Flags, call

_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_DETACH = 9
_PROG_GET_FD_BY_ID = 13
_PROG_QUERY = 16
_PROG_TYPE_CGROUP_DEVICE = 15
_CGROUP_DEVICE = 6  # enum bpf_attach_type

_INSTRUCTION_BYTES = 8
_MOST_PROGRAMS = 64  # BPF_CGROUP_MAX_PROGS
_LICENSE = b"Apache-2.0\0"  # no helper that is for GPL programs only is called


class Attach(Flags):
    """Flags of BPF_PROG_ATTACH. ALLOW_MULTI: programs of parents and children all have a say; REPLACE: Linux 5.6."""

    ALLOW_MULTI = 0x2
    REPLACE = 0x4


class _Load(ctypes.Structure):
    """union bpf_attr for BPF_PROG_LOAD, up to prog_name."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_uint64),
        ("license", ctypes.c_uint64),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_uint64),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
    )


class _Attachment(ctypes.Structure):
    """union bpf_attr for BPF_PROG_ATTACH and BPF_PROG_DETACH."""

    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("target_fd", "attach_bpf_fd", "attach_type", "attach_flags", "replace_bpf_fd")
    )


class _Query(ctypes.Structure):
    """union bpf_attr for BPF_PROG_QUERY.

    Whole, though only its first part is used: kernels 6.17 to 7.1 write `revision` whatever size they are told
    (opencontainers/cgroups, devices/ebpf_linux.go).
    """

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("prog_ids", ctypes.c_uint64),
        ("prog_cnt", ctypes.c_uint32),
        ("_padding", ctypes.c_uint32),
        ("prog_attach_flags", ctypes.c_uint64),
        ("link_ids", ctypes.c_uint64),
        ("link_attach_flags", ctypes.c_uint64),
        ("revision", ctypes.c_uint64),
    )


class _Id(ctypes.Structure):
    _fields_ = (("prog_id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32))


def prog_load(name: str, program: bytes) -> Fd:
    """Load a program about devices: `program` is an array of struct bpf_insn, 8 bytes each. name: at most 15 bytes.

    Raises OSError: EPERM outside the first user namespace (CAP_BPF), EINVAL or EACCES for what the verifier refuses.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    license_text = ctypes.create_string_buffer(_LICENSE)
    attributes = _Load(
        prog_type=_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt=len(program) // _INSTRUCTION_BYTES,
        insns=ctypes.addressof(instructions),
        license=ctypes.addressof(license_text),
        prog_name=name.encode(),
    )
    return Fd(call("bpf", _PROG_LOAD, attributes, ctypes.sizeof(attributes)))


def prog_attach(cgroup: int, program: int, flags: Attach, *, replaced: int = 0) -> None:
    """Attach a program to a cgroup v2 directory. replaced: with REPLACE, the one that goes in the same moment."""
    attributes = _Attachment(cgroup, program, _CGROUP_DEVICE, int(flags), replaced)
    call("bpf", _PROG_ATTACH, attributes, ctypes.sizeof(attributes))


def prog_detach(cgroup: int, program: int) -> None:
    attributes = _Attachment(cgroup, program, _CGROUP_DEVICE, 0, 0)
    call("bpf", _PROG_DETACH, attributes, ctypes.sizeof(attributes))


def prog_query(cgroup: int) -> tuple[int, ...]:
    """Return the ids of the programs attached to the cgroup itself."""
    ids = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    attributes = _Query(cgroup, _CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), _MOST_PROGRAMS)
    call("bpf", _PROG_QUERY, attributes, ctypes.sizeof(attributes))
    return tuple(ids[: attributes.prog_cnt])


def prog_open(program_id: int) -> Fd | None:
    """Return a descriptor of a loaded program; None where a security module keeps it from us, or it is gone."""
    attributes = _Id(program_id, 0, 0)
    try:
        return Fd(call("bpf", _PROG_GET_FD_BY_ID, attributes, ctypes.sizeof(attributes)))
    except OSError as problem:
        if problem.errno in (errno.EPERM, errno.EACCES, errno.ENOENT):
            return None
        raise
