"""What can be asked for over HTTP, one module an entity."""
