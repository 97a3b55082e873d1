"""The installed program: `make install`, `make deb` (ADR 18).

wheel     the project's own wheel, from a clean copy of its sources
wheels    what the project needs, by requirements.lock
layout    the files of an installation below a root: /opt/pycontainerd, units, manual pages, completion
debian    those files as a Debian package
"""
