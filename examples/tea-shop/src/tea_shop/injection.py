"""dependency-injector's `containers`, without the web frameworks it would import.

They import `dependency_injector.wiring`, which imports each framework for the web that is
installed, for what serves nothing, too. Only who wires modules needs it: it is imported
when `wire` or `unwire` is called.
"""

import sys
from importlib import import_module
from types import ModuleType

__all__ = ["containers"]

WIRING = "dependency_injector.wiring"


class Wiring(ModuleType):
    """What `containers` takes of the module, which is found when it is called."""

    def wire(self, **arguments: object) -> None:
        """Hand the arguments on."""
        import_module(WIRING).wire(**arguments)

    def unwire(self, **arguments: object) -> None:
        """Hand the arguments on."""
        import_module(WIRING).unwire(**arguments)


if WIRING in sys.modules:
    from dependency_injector import containers
else:
    sys.modules[WIRING] = Wiring(WIRING)
    from dependency_injector import containers

    del sys.modules[WIRING]
