"""What crosses the boundary of the application: commands, queries and results."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ResultT = TypeVar("ResultT", bound="BaseResult")


class BaseCommand(BaseModel):
    """What a caller asks for; checked when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PageQuery(BaseCommand):
    """Which part of a list to read: at most `limit` items from `offset` on."""

    offset: int = Field(default=0, ge=0, lt=2**63)
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
