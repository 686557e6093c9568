"""Entities to test with, one module an entity."""
