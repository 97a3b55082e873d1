"""What the container's namespaces hold besides mounts: interfaces, names, kernel parameters."""

from __future__ import annotations

from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import loopback, procfs
from containerd_py.runtime.linux.syscall import call
from containerd_py.runtime.plan import operations as op


@executes(op.LoopbackUp)
def loopback_up(_context: Context, _step: op.LoopbackUp) -> None:
    loopback.set_up()


@executes(op.SetHostname)
def set_hostname(_context: Context, step: op.SetHostname) -> None:
    call("sethostname", step.hostname, len(step.hostname.encode()))


@executes(op.SetDomainname)
def set_domainname(_context: Context, step: op.SetDomainname) -> None:
    call("setdomainname", step.domainname, len(step.domainname.encode()))


@executes(op.SetSysctl)
def set_sysctl(context: Context, step: op.SetSysctl) -> None:
    """Below /proc/sys a file answers for the namespaces of whoever opens it, in whichever procfs it is found."""
    procfs.write(context.procfs_fd(), f"sys/{step.path}", step.value)
