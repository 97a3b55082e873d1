"""The finder of a bundle's modules (`bytecode_bundle`). Its code is in the bundle itself, and is executed on its own:

a launcher imports nothing for it, not even `__future__`. `modules` is there when this is executed: by name the path of the
source, of its own bytecode, whether it is a package, the source's ctime in ns, its size, and the code.
"""

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader
from posix import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    Modules = dict[str, tuple[str, str | None, bool, int, int, CodeType]]


class Loader(SourceFileLoader):
    """It can do all that the loader of a source can, and has the code at hand."""

    def __init__(self, name: str, source: str, code: "CodeType") -> None:
        super().__init__(name, source)
        self._code = code

    def get_code(self, _name: str) -> "CodeType":
        return self._code


class Bundle:
    """A finder of modules (PEP 451). One whose source has changed is imported as ever."""

    def __init__(self, modules: "Modules") -> None:
        self._modules = modules

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        entry = self._modules.get(name)
        if entry is None:
            return None
        source, bytecode, is_package, ctime_ns, size, code = entry
        try:
            found = stat(source)
        except OSError:
            return None
        if found.st_ctime_ns != ctime_ns or found.st_size != size:
            return None
        spec = ModuleSpec(name, Loader(name, source, code), origin=source, is_package=is_package)
        spec.has_location = True
        spec.cached = bytecode
        if is_package:
            spec.submodule_search_locations = [source.rpartition("/")[0]]
        return spec


if __name__ == "bundle":  # as who executes the code of this module calls it; imported, it only defines
    sys.meta_path.insert(0, Bundle(globals()["modules"]))
