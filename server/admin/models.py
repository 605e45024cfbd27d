"""Who may see the operator's pages: accounts, their sessions, failed sign-ins; and the log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.admin.roles import MAINTAINER, Role
from server.db import Base, Key, UtcTime


class AdminAccount(Base):
    __tablename__ = "admin_account"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    """Argon2id, with its parameters and salt in it."""
    role: Mapped[Role] = mapped_column(String(12), server_default=MAINTAINER)
    """By default what accounts were before there were roles."""
    identity: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Whom a provider has to vouch for, as a sha256; None: it has a password here."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class AdminSession(Base):
    """One browser that signed in. Without its row a cookie is worth nothing."""

    __tablename__ = "admin_session"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("admin_account.id"), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    """To the minute."""
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    network: Mapped[str | None] = mapped_column(String(64))
    """/24 or /64; None: this machine itself."""
    browser: Mapped[str] = mapped_column(String(60))

    account: Mapped[AdminAccount] = relationship()

    @property
    def number(self) -> str:
        """For addresses. The token can't be told from it."""
        return self.token_sha256[:16]


class SignInFailure(Base):
    """Attempts since the last success, by account name and by network."""

    __tablename__ = "sign_in_failure"

    subject_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Hashed, since people type passwords into the wrong field."""
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcTime)


class LogEntry(Base):
    """What was done here, by whom. Never changed or deleted: triggers of migration 0020 see to it.
    The account by its name, which outlives it."""

    __tablename__ = "admin_log"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    account: Mapped[str | None] = mapped_column(String(40), index=True)
    """None: a command, run where the data lies."""
    action: Mapped[str] = mapped_column(String(40))
    """Such as "pool paused"."""
    subject: Mapped[str] = mapped_column(String(300), index=True)
    """What it was done to, as operators name it."""
    detail: Mapped[str] = mapped_column(Text)
    """A JSON object."""
