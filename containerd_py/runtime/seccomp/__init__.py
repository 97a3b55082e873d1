"""Seccomp profiles to BPF, on the parent's side (SECURITY R9): the worker loads bytes."""
