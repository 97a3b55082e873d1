"""The use cases of the daemon: containers and what is done with them. Never HTTP."""
