"""What is written by hand after FastAPI's documentation: routes over a session.

    python load/plain.py DATABASE-URL

It gives less: no versions, no hidden rows, no limits of time, no translated errors,
no log of each request.
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Identity, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

POOL = {"pool_size": 20, "max_overflow": 10, "pool_pre_ping": True}
"""As the settings of a generated service are."""
engine = create_async_engine(sys.argv[1], **POOL)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """All tables."""


class Account(Base):
    """A row."""

    __tablename__ = "plain_accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    balance: Mapped[int]


class AccountIn(BaseModel):
    """What comes in."""

    owner: str = Field(min_length=1, max_length=255)
    balance: int


class AccountOut(AccountIn):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)

    id: int


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Make the table before the first request."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def get_session() -> AsyncGenerator[AsyncSession]:
    """Give a session to a request."""
    async with sessions() as session:
        yield session


app = FastAPI(lifespan=lifespan)
Session = Annotated[AsyncSession, Depends(get_session)]


@app.post("/api/accounts", status_code=201, response_model=AccountOut)
async def create(account: AccountIn, session: Session) -> Account:
    """Keep a new one."""
    created = Account(**account.model_dump())
    session.add(created)
    await session.commit()
    return created


@app.get("/api/accounts", response_model=list[AccountOut])
async def list_after(
    session: Session, after: int = 0, limit: int = 20
) -> list[Account]:
    """Read a page."""
    following = select(Account).where(Account.id > after)
    found = await session.scalars(following.order_by(Account.id).limit(limit))
    return list(found)


@app.get("/api/accounts/{account_id}", response_model=AccountOut)
async def get(account_id: int, session: Session) -> Account:
    """Read one."""
    if found := await session.get(Account, account_id):
        return found
    raise HTTPException(404)


if __name__ == "__main__":
    uvicorn.run(app, port=0, access_log=False, server_header=False)
