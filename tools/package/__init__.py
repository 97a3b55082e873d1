"""The installed program: `make install`, `make deb` (ADR 18).

wheel     the project's own wheel, from a clean copy of its sources
closure   what the project needs, out of the environment that its tests ran in
layout    the files of an installation below a root: /opt/pycontainerd, units, manual pages, completion
debian    those files as a Debian package
"""
