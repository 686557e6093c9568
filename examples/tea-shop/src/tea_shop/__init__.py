"""tea-shop: a service in hexagonal architecture."""
