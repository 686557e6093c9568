"""The table of orders."""

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tea_shop.domain.email import Email
from tea_shop.domain.identities import TeaId
from tea_shop.infrastructure.models.base import Base, EntityModel, SoftDeleteMixin
from tea_shop.infrastructure.models.types import EmailType

if TYPE_CHECKING:
    from tea_shop.infrastructure.models.tea import TeaModel


class OrderLineModel(Base):
    """An order line, at its place in its order."""

    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    tea_id: Mapped[TeaId] = mapped_column(
        ForeignKey("teas.id", ondelete="RESTRICT"), index=True
    )
    cups: Mapped[int]

    tea: Mapped["TeaModel"] = relationship(
        back_populates="order_lines", foreign_keys=tea_id, lazy="raise"
    )


class OrderModel(SoftDeleteMixin, EntityModel):
    """An order."""

    __tablename__ = "orders"

    guest: Mapped[Email] = mapped_column(EmailType)

    lines: Mapped[list[OrderLineModel]] = relationship(
        cascade="all, delete-orphan",
        foreign_keys=OrderLineModel.order_id,
        lazy="raise",
        order_by=OrderLineModel.position,
        passive_deletes=True,
    )
