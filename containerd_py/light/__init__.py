"""What parts of the standard library do, without what they import at each start of a program (ADR 26).

Each module is named as the one that it stands for (`flags` for those of `enum`), is imported in its place, and is that one
to a type checker.
"""
