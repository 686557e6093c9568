"""A piece of work, stopped wherever it waits."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


@coroutine
def stepped(
    work: Coroutine[Any, Any, ResultT],
    at_suspension: Callable[[int], Awaitable[object] | None],
) -> Generator[Any, Any, ResultT]:
    """Run the work; tell of each suspension, counted from 1, before it.

    Where the answer is awaitable, the work stands still until it has come.
    """
    number, advance, argument = 0, work.send, None
    while True:
        try:
            awaited = advance(argument)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        number += 1
        try:
            if (pause := at_suspension(number)) is not None:
                yield from pause.__await__()
            argument = yield awaited
            advance = work.send
        except BaseException as error:
            argument, advance = error, work.throw
