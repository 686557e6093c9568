"""Use cases that are run again when two transactions are in each other's way."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tea_shop.application.errors import TransactionConflict
from tea_shop.domain.errors import ConcurrentUpdate, StaleVersion

ATTEMPTS = 5
FIRST_WAIT = 0.02  # seconds at most; twice as long before each further attempt
JITTER = random.SystemRandom()  # no two processes begin with the same numbers

Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")


def retried(
    use_case: Callable[Parameters, Coroutine[Any, Any, ResultT]],
) -> Callable[Parameters, Coroutine[Any, Any, ResultT]]:
    """Run a use case again, from its start, where another transaction is in its way.

    That is after a `TransactionConflict` and a `ConcurrentUpdate`; but not after a
    `StaleVersion`, of which the caller has to know. The last of `ATTEMPTS` raises what
    it meets. Before each other one is a wait of random length ("full jitter"), lest
    those that met once meet again.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    @wraps(use_case)
    async def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResultT:
        for attempt in range(ATTEMPTS - 1):
            try:
                return await use_case(*args, **kwargs)
            except StaleVersion:
                raise
            except (TransactionConflict, ConcurrentUpdate):
                longest_wait = FIRST_WAIT * 2**attempt
                await asyncio.sleep(JITTER.uniform(0, longest_wait))
        return await use_case(*args, **kwargs)

    return run
