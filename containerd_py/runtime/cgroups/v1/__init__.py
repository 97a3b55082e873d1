"""Controllers of cgroup v1: pure functions from resources, and what is there, to the text of control files."""
