"""The shell's completion of `pyctr`. It is asked with every TAB, so it imports neither the client nor the models.

daemon    asking the daemon, with the standard library, for a second at most
values    what an argument may be
protocol  the words so far → what may come next
scripts   what bash, zsh and fish need, printed by `pyctr completion SHELL`
"""

from containerd_py.cli.completion.values import container_names

__all__ = ["container_names"]
