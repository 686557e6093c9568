"""The domain's repositories over SQLAlchemy, one module an entity."""
