"""The spawner `pyc:[0:SPAWN]`: parent and reaper of every container, keeper of its file descriptors.

Standard library only, one thread, no secret; it parses no spec. `client` is the daemon's side of the dialogue, drawn in
`protocol`; `seal` starts it from a sealed interpreter; `keeper` is its main loop.
"""
