"""The subcommands of `pyctr`, a module per group; each `register`s its commands with the application."""
