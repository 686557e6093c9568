"""The routes of each entity."""
