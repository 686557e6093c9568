"""Every model, for Alembic and the tests to find: each module here is imported."""

from importlib import import_module
from pkgutil import iter_modules

from tea_shop.infrastructure.models.base import Base

__all__ = ["Base"]

for module in iter_modules(__path__, f"{__name__}."):
    import_module(module.name)
