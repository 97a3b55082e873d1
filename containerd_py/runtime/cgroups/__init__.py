"""Control groups: what a container may use, what it does use, and the handle by which all of it is stopped and killed.

Here: cgroupfs, in cgroup v2, in the hierarchies of v1, or in both. By module:

    layout       what the host has mounted                    places       where a container's cgroup lies in that
    resources    limits, normalised once                      normalise    from `linux.resources` to those
    v1, v2       one pure file per controller                 controllers  the table of them
    manager      makes a cgroup, changes its limits           files        writes control files, says what a refusal means
    cgroup       the directories of one container             unified      hands controllers of v2 down
    devices      rules about devices as a program (v2)        directories  makes and removes directories
    members      who is in it: lists, moves                   killing      signals to all of them
    freezer      stops them and lets them go on               oom          tells when memory runs out
    stats        figures, and the document of runc events     keyed        formats of control files
"""
