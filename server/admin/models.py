"""Who may see the operator's pages: accounts, their sessions, and failed sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.db import Base, Key, UtcTime


class AdminAccount(Base):
    __tablename__ = "admin_account"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    """Argon2id, with its parameters and salt in it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class AdminSession(Base):
    """One browser that signed in. Without its row a cookie is worth nothing."""

    __tablename__ = "admin_session"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("admin_account.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)

    account: Mapped[AdminAccount] = relationship()


class SignInFailure(Base):
    """Attempts since the last success, by account name and by network."""

    __tablename__ = "sign_in_failure"

    subject_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Hashed, since people type passwords into the wrong field."""
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcTime)
