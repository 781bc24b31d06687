"""What stands on the desk beside the books: accounts, sessions, tokens, drafts, jobs, messages.

These rows change in place and may go; none of them holds an amount, none is part of a seal. Whatever of them
matters later (who was given which role, who approved a rule) is an act in the books as well.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from sqlalchemy import Boolean, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from incentives.store.tables import Base, Number, one_of

Numbered = Annotated[int, mapped_column(Number, Identity(), primary_key=True)]
"""Numbered by the database: here two may write at once."""
OfAccount = Annotated[int, mapped_column(Number, ForeignKey("accounts.id"), index=True)]
Flag = Annotated[bool, mapped_column(Boolean(create_constraint=False))]


class Account(Base):
    """Somebody who signs in. ``roles`` are the names of their roles, in order, with a blank between them."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("email"),
        UniqueConstraint("fs_uniquifier"),
        UniqueConstraint("sso_subject"),
        one_of("digest", "off", "daily", "weekly"),
    )
    id: Mapped[Numbered]
    email: Mapped[str]
    name: Mapped[str]
    password: Mapped[str | None]
    active: Mapped[Flag]
    fs_uniquifier: Mapped[str]
    role_names: Mapped[str]
    payee_id: Mapped[str]
    language: Mapped[str]
    digest: Mapped[str]
    sso_subject: Mapped[str | None]
    tf_primary_method: Mapped[str | None]
    tf_totp_secret: Mapped[str | None]
    made_at: Mapped[dt.datetime]


class Session(Base):
    """A browser that is signed in: without its row, its cookie is worth nothing."""

    __tablename__ = "sessions"
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[OfAccount]
    began_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    agent: Mapped[str]


class Token(Base):
    """What a program signs in with; the secret itself is told once and kept nowhere."""

    __tablename__ = "tokens"
    __table_args__ = (UniqueConstraint("public_id"),)
    id: Mapped[Numbered]
    public_id: Mapped[str]
    secret_sha256: Mapped[str]
    account_id: Mapped[OfAccount]
    name: Mapped[str]
    scopes: Mapped[str]
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    last_used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class Draft(Base):
    """A plan that somebody is writing. ``version`` grows with every change, so that two do not overwrite one
    another; ``revision_id`` is the rule it became when it was submitted, 0 before."""

    __tablename__ = "drafts"
    id: Mapped[Numbered]
    account_id: Mapped[OfAccount]
    plan: Mapped[str]
    document: Mapped[str]
    version: Mapped[int]
    revision_id: Mapped[int]
    changed_at: Mapped[dt.datetime]


class Job(Base):
    """Work that takes longer than a page may: what, for whom, how far, and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (one_of("state", "waiting", "running", "done", "failed"), Index("ix_jobs_state", "state"))
    id: Mapped[Numbered]
    account_id: Mapped[OfAccount]
    kind: Mapped[str]
    arguments: Mapped[str]
    state: Mapped[str]
    says: Mapped[str]
    done: Mapped[int]
    whole: Mapped[int]
    result: Mapped[str]
    made_at: Mapped[dt.datetime]
    began_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]


class Notice(Base):
    """Something a person is told: never an amount. ``about`` is where to look."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("account_id", "kind", "key"),)
    id: Mapped[Numbered]
    account_id: Mapped[OfAccount]
    kind: Mapped[str]
    key: Mapped[str]
    details: Mapped[str]
    about: Mapped[str]
    made_at: Mapped[dt.datetime]
    read_at: Mapped[dt.datetime | None]
    mailed_at: Mapped[dt.datetime | None]


class Hook(Base):
    """Another system that wants to be told of ``kinds``, names with a blank between them."""

    __tablename__ = "hooks"
    id: Mapped[Numbered]
    account_id: Mapped[OfAccount]
    url: Mapped[str]
    secret: Mapped[str]
    kinds: Mapped[str]
    active: Mapped[Flag]
    made_at: Mapped[dt.datetime]


class HookCall(Base):
    """A message to a hook: sent until it is taken, later and later, and then given up."""

    __tablename__ = "hook_calls"
    __table_args__ = (
        UniqueConstraint("hook_id", "message_id"),
        one_of("state", "waiting", "taken", "given up"),
        Index("ix_hook_calls_state", "state", "next_at"),
    )
    id: Mapped[Numbered]
    hook_id: Mapped[int] = mapped_column(Number, ForeignKey("hooks.id"))
    message_id: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    next_at: Mapped[dt.datetime]
    made_at: Mapped[dt.datetime]
    answer: Mapped[str]


class ToldThrough(Base):
    """How far in the acts somebody has been told: notices, hooks. What comes after is found again."""

    __tablename__ = "told_through"
    what: Mapped[str] = mapped_column(Text, primary_key=True)
    act_id: Mapped[int]


class GivenAnswer(Base):
    """What the API answered under an Idempotency-Key, so that the same request gets the same answer."""

    __tablename__ = "given_answers"
    account_id: Mapped[int] = mapped_column(Number, ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_sha256: Mapped[str]
    status: Mapped[int]
    body: Mapped[str]
    made_at: Mapped[dt.datetime]


CHANGEABLE = tuple(
    model.__tablename__
    for model in (Account, Session, Token, Draft, Job, Notice, Hook, HookCall, ToldThrough, GivenAnswer)
)
