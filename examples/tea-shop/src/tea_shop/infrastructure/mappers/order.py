"""Between the order and its row."""

from tea_shop.domain.identities import OrderId
from tea_shop.domain.order import Order, OrderLine
from tea_shop.infrastructure.models.base import row_of
from tea_shop.infrastructure.models.order import OrderLineModel, OrderModel

# The rows that belong to an aggregate: `to_entity` reads them.
PARTS = (OrderModel.lines,)


def to_entity(model: OrderModel) -> Order:
    """Rebuild the entity of a row."""
    return Order(
        id=OrderId(model.id),
        version=model.version,
        guest=model.guest,
        lines=tuple(map(read_order_line, model.lines)),
    )


def read_order_line(model: OrderLineModel) -> OrderLine:
    """Rebuild an order line."""
    return OrderLine(
        tea_id=model.tea_id,
        cups=model.cups,
    )


def write_order_line(position: int, order_line: OrderLine) -> OrderLineModel:
    """Make the row of an order line at this place among the others."""
    return row_of(
        OrderLineModel,
        position=position,
        tea_id=order_line.tea_id,
        cups=order_line.cups,
    )


def apply_changes(model: OrderModel, order: Order) -> None:
    """Write the entity over its row, which `row_of` made; identity and version stay."""
    model.guest = order.guest
    model.lines = [
        write_order_line(position, order_line)
        for position, order_line in enumerate(order.lines)
    ]


def to_model(order: Order) -> OrderModel:
    """Make the row of an entity."""
    model = row_of(OrderModel, id=order.id, version=order.version)
    apply_changes(model, order)
    return model
