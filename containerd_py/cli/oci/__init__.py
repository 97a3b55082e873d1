"""`pyrunc`: the command line of an OCI runtime, runc's own, on the runtime package. It needs no daemon.

main        the way of one command: options, command, errors, exit code
arguments   how options are read, and told when they are wrong
settings    what holds for every command: the state root, the log, the cgroup driver
commands    one module per command, imported when it is asked for
library     what the commands ask of `containerd_py.runtime`

A command is a process of its own, so its start-up counts: a module imports at its top what is always needed, and inside
functions what only they need.
"""
