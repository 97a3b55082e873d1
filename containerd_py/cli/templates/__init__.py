"""`--format '{{.Names}}'`: Go's template language, as far as people at a terminal use it.

syntax      text → nodes
evaluation  nodes and a value → text
functions   what a template may call
rows        what a field may be: of our models by their names or Go's, and docker's words for it

A template can only look: it calls these functions and no other, and no loop outlives the value that it runs over.
"""

from containerd_py.cli.templates.evaluation import Template
from containerd_py.cli.templates.rows import Row, Struct

__all__ = ["Row", "Struct", "Template"]
