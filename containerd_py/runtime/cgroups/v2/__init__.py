"""Controllers of cgroup v2: pure functions from resources to the text of control files."""
