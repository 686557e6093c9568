"""Traces of the statements below those of the requests, which FastAPI makes itself."""

from importlib.metadata import entry_points

from tea_shop.container import Container


def trace_statements(container: Container) -> None:
    """Make a span of each statement, where the extra `telemetry` is installed.

    By its metadata the instrumentation is for SQLAlchemy up to 2.0, so its check of the
    version is passed over; a test shows that it works.
    """
    engine = container.engine().sync_engine
    for found in entry_points(group="opentelemetry_instrumentor", name="sqlalchemy"):
        found.load()().instrument(engine=engine, skip_dep_check=True)
