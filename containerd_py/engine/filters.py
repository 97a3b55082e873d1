"""The compiled filters of seccomp profiles: the usual one is at hand, any other is compiled in a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from containerd_py.runtime.seccomp.compile import compile_profile, default_filter
from containerd_py.runtime.spec.seccomp_profile import default_profile

if TYPE_CHECKING:
    from containerd_py.runtime.seccomp.kept import SeccompFilter
    from containerd_py.runtime.spec.linux import Seccomp


async def filter_of(profile: Seccomp | None) -> SeccompFilter | None:
    """Return the filter of a profile, None without one. Raises NotSupported."""
    if profile is None:
        return None
    return default_filter() if _is_usual(profile) else await asyncio.to_thread(compile_profile, profile)


def _is_usual(profile: Seccomp) -> bool:
    """Tell it of one that was read from a document too. Whether flags are given counts, be they none (`filter_flags`)."""
    usual = default_profile()
    return profile is usual or (profile == usual and ("flags" in profile.given) == ("flags" in usual.given))
