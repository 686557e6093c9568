"""From models to entities and back, one module an entity."""
