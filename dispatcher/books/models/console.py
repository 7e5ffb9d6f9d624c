"""Who may come to the console."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.models.base import Base, one_of


class ConsoleToken(Base):
    """Who may use the HTTP API, and how far; see `books.tokens`. The token itself is not kept."""

    __tablename__ = "console_token"
    __table_args__ = (CheckConstraint(one_of("role", ("viewer", "operator", "admin")), "role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleUser(Base):
    """Who may sign in to the console; of the password its argon2id is kept. See `books.users`."""

    __tablename__ = "console_user"
    __table_args__ = (CheckConstraint(one_of("role", ("viewer", "operator", "admin")), "role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleSession(Base):
    """A browser in which somebody has signed in, a user or whoever started the program.

    See `books.sessions`.
    """

    __tablename__ = "console_session"
    __table_args__ = (
        CheckConstraint("(user_name IS NULL) <> (starter IS NULL)", "is_somebody_s"),
        Index("console_session_user_name", "user_name"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    user_name: Mapped[str | None] = mapped_column(
        ForeignKey("console_user.name", ondelete="CASCADE")
    )
    starter: Mapped[str | None]
    began_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleLogin(Base):
    """What failed of somebody's attempts to sign in from one place, both as keyed digests.

    `network` is a network, or a browser that they have signed in with; see `books.logins`.
    """

    __tablename__ = "console_login"
    __table_args__ = (CheckConstraint("failures >= 0", "failures"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    network: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    succeeded_at: Mapped[datetime | None]
