"""The manual pages, made from the definitions of the commands: `make man`.

roff      text → man(7)
click     pyctr's commands → sections
arguments pyrunc's and pycontainerd's options → sections
pages     the pages themselves
"""
