"""The table of teas."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tea_shop.infrastructure.models.base import EntityModel, SoftDeleteMixin

if TYPE_CHECKING:
    from tea_shop.infrastructure.models.order import OrderLineModel


class TeaModel(SoftDeleteMixin, EntityModel):
    """A tea."""

    __tablename__ = "teas"
    __table_args__ = (
        Index("uq_teas_name", "name", unique=True, postgresql_where=text("is_active")),
    )

    name: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2))

    order_lines: Mapped[list["OrderLineModel"]] = relationship(
        back_populates="tea",
        foreign_keys="OrderLineModel.tea_id",
        lazy="raise",
        passive_deletes="all",
    )
