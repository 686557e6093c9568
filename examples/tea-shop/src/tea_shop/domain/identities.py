"""What the entities are known by, and refer to each other by."""

from typing import NewType

OrderId = NewType("OrderId", int)
TeaId = NewType("TeaId", int)
# Your own:
