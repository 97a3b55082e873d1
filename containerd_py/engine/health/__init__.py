"""Health checks: what a container is asked (`probes`), what follows of the answer (`verdict`), and when (`watching`)."""
