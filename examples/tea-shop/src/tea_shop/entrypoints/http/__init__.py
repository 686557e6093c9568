"""The HTTP interface: a driving adapter by FastAPI."""
