"""Controllers of cgroup v1: pure functions from resources to the text of control files."""
