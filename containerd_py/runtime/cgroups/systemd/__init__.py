"""Scopes: having systemd make a container's cgroup, and hold its limits.

    property      what a unit is told of itself, before it is D-Bus
    memory, cpu, cpuset, pids, io, devices      resources as properties: pure functions, one file per controller
    unified       the control files of `linux.resources.unified` as properties
    properties    the table of them, and what every scope has
    annotated     properties that annotations ask for; `variant`: GVariant text
    names         of units and slices, and where their cgroups lie
    conversation  D-Bus without input and output; `steps`: what is asked of systemd, and how it goes on
    machines      what systemd-machined is asked: `machinectl list`
    refusal       what its errors mean
    bus           opening a connection; `client`: one that blocks. The daemon's own is `engine.systemd_bus`
    driver        a scope from the making of its cgroup to the proof that the process is in it

The names are systemd's: systemd.scope(5), systemd.resource-control(5), org.freedesktop.systemd1(5).
"""
