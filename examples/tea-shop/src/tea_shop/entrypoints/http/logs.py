"""Logs to read in a terminal, and as JSON, without anybody's data, everywhere else."""

import logging
import sys
from traceback import walk_tb

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs() -> None:
    """Write what this service and its libraries log to standard error.

    Of libraries but the server only warnings: the clients among them log each URL.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso"),
    ]
    readable: list[Processor] = [
        structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        ),
    ]
    json: list[Processor] = [without_messages, structlog.processors.JSONRenderer()]
    written = readable if sys.stderr.isatty() else json
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *written,
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("tea_shop", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)


def without_messages(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> EventDict:
    """Tell of an error its kinds and where it came from: its message may quote data."""
    error = _error_of(event.pop("exc_info", None))
    errors: list[dict[str, object]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # one may be its cause's cause
        seen.add(id(error))
        places = [
            f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
            for frame, line in walk_tb(error.__traceback__)
        ]
        errors.append({"error": type(error).__name__, "places": places})
        error = error.__cause__ or error.__context__
    return {**event, "errors": errors} if errors else event


def _error_of(
    given: BaseException | tuple[object, ...] | bool | None,
) -> BaseException | None:
    if given is True:  # the one that is being handled
        return sys.exception()
    parts = given if isinstance(given, tuple) else (given,)
    return next((part for part in parts if isinstance(part, BaseException)), None)
