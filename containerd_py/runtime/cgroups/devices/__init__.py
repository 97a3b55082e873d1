"""Which devices a container may use: the rules, and on cgroup v2 the program that decides (`program`, `attach`)."""
