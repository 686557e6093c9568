"""What commands, queries and results share."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ResultT = TypeVar("ResultT", bound="BaseResult")


class BaseCommand(BaseModel):
    """What a caller asks for; checked when it is made.

    What is wrong with it may be logged: it does not show what was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PageQuery(BaseCommand):
    """Which part of a list to read: at most `limit` items from `offset` on."""

    offset: int = Field(default=0, ge=0, lt=2**63)
    limit: int = Field(default=20, ge=1, le=100)


class SliceQuery(BaseCommand):
    """Which part of a list to read: at most `limit` items that follow an identity."""

    after: int = Field(default=0, ge=0, lt=2**63)
    limit: int = Field(default=20, ge=1, le=100)


class BaseResult(BaseModel):
    """What a caller gets back: a copy, without behaviour."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class PagedResult(BaseResult, Generic[ResultT]):
    """The items from `offset` on, at most `limit` of the `total`."""

    items: list[ResultT]
    total: int
    offset: int
    limit: int


class SlicedResult(BaseResult, Generic[ResultT]):
    """Some items, and whether more follow: then ask for those after the last one."""

    items: list[ResultT]
    has_more: bool
