"""Traces of the statements below those of the requests, which FastAPI makes itself."""

from importlib.metadata import entry_points


def trace_statements() -> None:
    """Make a span of each statement, where the extra `telemetry` is installed.

    The driver sends them all, those of SQLAlchemy too, so it is the driver's that are
    made. Many rows with arrays go by its `fetchmany`, of which OpenTelemetry knows nothing.
    """
    for found in entry_points(group="opentelemetry_instrumentor", name="asyncpg"):
        instrumentor = found.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
