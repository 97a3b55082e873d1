"""What survives a restart of the daemon: a directory of records for each container. It knows nothing of the runtime."""
