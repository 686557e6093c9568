"""What crosses the boundary of the application, one module an entity."""
