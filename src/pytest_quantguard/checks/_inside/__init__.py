"""What runs in the sandbox for `python_tests`: the answer in one process, its tests in another.

The modules of this drawer are handed over as text and become modules again on the other side.
"""

from __future__ import annotations

import functools
from importlib.resources import files

_MAKE = """
import sys
from types import ModuleType
package = sys.modules[{package!r}] = ModuleType({package!r})
for name, text in {sources!r}.items():
    module = sys.modules[name] = ModuleType(name)
    setattr(package, name.rpartition(".")[2], module)
    exec(compile(text, f"<{{name}}>", "exec"), vars(module))
module.serve()
"""


@functools.cache
def program(side: str) -> str:
    """Return the program of one side: ``answer`` or ``asserts``."""
    names = ("thrown", "wire", "proxy", side) if side == "asserts" else ("thrown", "wire", side)
    texts = (files(__package__).joinpath(f"{name}.py").read_text("utf-8") for name in names)
    sources = {f"{__package__}.{name}": text for name, text in zip(names, texts, strict=True)}
    return _MAKE.format(package=__package__, sources=sources)
