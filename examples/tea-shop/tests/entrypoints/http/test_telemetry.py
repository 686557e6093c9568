from collections.abc import AsyncGenerator, Generator
from contextlib import nullcontext
from importlib import import_module
from typing import NamedTuple

import pytest
from httpx import AsyncClient
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind
from sqlalchemy import String, Text, bindparam, cast, select

from tea_shop.container import Container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.infrastructure.statements import Statement

from tests.entrypoints.http.in_process import calling

pytestmark = pytest.mark.postgres

CANARY = "canary-4711"
STATEMENTS = import_module("opentelemetry.instrumentation.asyncpg")


class Telemetry(NamedTuple):
    """What the service tells of itself."""

    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Generator[Telemetry]:
    """Set the providers of the process as a deployment does, for one test."""
    told = Telemetry(InMemorySpanExporter(), InMemoryMetricReader())
    tracers, meters = TracerProvider(), MeterProvider([told.metrics])
    tracers.add_span_processor(SimpleSpanProcessor(told.spans))
    # What they offer to set one with can be called once in a process.
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", tracers)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", meters)
    instrumentor = STATEMENTS.AsyncPGInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()  # that of an earlier test
    yield told
    instrumentor.uninstrument()
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
async def traced(
    telemetry: Telemetry, container: Container
) -> AsyncGenerator[AsyncClient]:
    """A client of the application with a route that asks the database both ways."""
    app = create_app(HttpSettings(), lambda: nullcontext(container))

    @app.get("/numbers/{number}")
    async def get_number(number: str) -> str:
        given = {"number": number}
        query = select(cast(bindparam("number", type_=String), Text))
        async with container.session_factory()() as session:
            ((found,),) = await session.fetch(Statement(query), given)
            again = await session.scalar(query, given)
        return f"{found}{again}"

    async with app.router.lifespan_context(app), calling(app) as client:
        yield client


def context_of(span: ReadableSpan) -> SpanContext:
    context: SpanContext | None = span.context
    assert context is not None
    return context


def ancestors(span: ReadableSpan, spans: dict[int, ReadableSpan]) -> list[ReadableSpan]:
    """List the spans that a span is part of, the outermost last."""
    found: list[ReadableSpan] = []
    while span.parent is not None:
        span = spans[span.parent.span_id]
        found.append(span)
    return found


async def test_one_request_is_one_trace(
    traced: AsyncClient, telemetry: Telemetry
) -> None:
    answer = await traced.get(f"/numbers/{CANARY}")

    assert answer.json() == CANARY * 2
    finished = telemetry.spans.get_finished_spans()
    spans = {context_of(span).span_id: span for span in finished}
    statements = [span for span in spans.values() if span.kind is SpanKind.CLIENT]
    (request,) = [span for span in spans.values() if span.kind is SpanKind.SERVER]
    assert len({context_of(span).trace_id for span in finished}) == 1
    assert request.name == "GET /numbers/{number}"
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    queries = [span for span in statements if "CAST" in str(span.attributes)]
    assert len(queries) == 2
    assert all(ancestors(span, spans)[-1] is request for span in statements)


async def test_the_span_of_a_statement_has_no_values(
    traced: AsyncClient, telemetry: Telemetry
) -> None:
    await traced.get(f"/numbers/{CANARY}")

    spans = telemetry.spans.get_finished_spans()
    told = " ".join(
        span.to_json() for span in spans if span.kind is not SpanKind.SERVER
    )
    assert "SELECT CAST($1" in told
    assert CANARY not in told


async def test_the_span_of_a_request_has_no_query(
    traced: AsyncClient, telemetry: Telemetry
) -> None:
    await traced.get(f"/numbers/1?name={CANARY}")

    told = " ".join(span.to_json() for span in telemetry.spans.get_finished_spans())
    assert "REDACTED" in told
    assert CANARY not in told


async def test_requests_are_measured(traced: AsyncClient, telemetry: Telemetry) -> None:
    for _ in "123":
        await traced.get(f"/numbers/{CANARY}")

    data = telemetry.metrics.get_metrics_data()
    assert data is not None
    metrics = [
        metric
        for one in data.resource_metrics
        for two in one.scope_metrics
        for metric in two.metrics
    ]
    (duration,) = [m for m in metrics if m.name == "http.server.request.duration"]
    (point,) = duration.data.data_points
    assert isinstance(point, HistogramDataPoint)
    assert point.count == 3
    assert point.attributes is not None
    assert point.attributes["http.route"] == "/numbers/{number}"
    assert CANARY not in str(metrics)
