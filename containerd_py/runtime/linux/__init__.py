"""Kernel calls: one function per call, the kernel's name and argument order, no policy, standard library only.

Here: numbers, flags, struct layouts, fd ownership, and path resolution below a root. Not here: what a container
is, or in which order calls are made (`runtime.init`).
"""
