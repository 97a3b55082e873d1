"""`pyctr`: the command line, on the bundled client.

main       the command and its options before the subcommand
commands   one module per group of subcommands
settings   what holds for every command, and how a command is performed
requests   options → the creation request
foreground a container at the caller's terminal: streams, signals, size
"""
