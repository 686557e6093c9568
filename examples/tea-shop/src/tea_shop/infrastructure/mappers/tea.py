"""Between the tea and its row."""

from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea
from tea_shop.infrastructure.models.base import row_of
from tea_shop.infrastructure.models.tea import TeaModel


def to_entity(model: TeaModel) -> Tea:
    """Rebuild the entity of a row."""
    return Tea(
        id=TeaId(model.id),
        version=model.version,
        name=model.name,
        price=model.price,
    )


def apply_changes(model: TeaModel, tea: Tea) -> None:
    """Write the entity over its row, which `row_of` made; identity and version stay."""
    model.name = tea.name
    model.price = tea.price


def to_model(tea: Tea) -> TeaModel:
    """Make the row of an entity."""
    model = row_of(TeaModel, id=tea.id, version=tea.version)
    apply_changes(model, tea)
    return model
