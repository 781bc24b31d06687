"""What a verification says: what each check looked at, and every breach it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from incentives.service.runs import Progress


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that is always true, and is not: which invariant (``docs/trust``), where, and what is wrong.

    ``where`` names the row as precisely as can be told: its number, its month and payee, or the span of acts.
    """

    invariant: int
    table: str
    where: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.table}, {self.where}" if self.where else self.table
        return f"[{self.invariant}] {place}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One check that is done. ``looked_at`` counts what it looked at; where that is 0 it proved nothing."""

    name: str
    invariants: tuple[int, ...]
    looked_at: int
    breaches: tuple[Breach, ...] = ()

    def __str__(self) -> str:
        if self.breaches:
            said = "1 breach" if len(self.breaches) == 1 else f"{len(self.breaches)} breaches"
        else:
            said = "looked at nothing" if not self.looked_at else "ok"
        return f"{self.name}: {said} ({self.looked_at:,} looked at)" if self.looked_at else f"{self.name}: {said}"


@dataclass(frozen=True, slots=True)
class View:
    """What is verified: one view of the store, and how it may be calculated."""

    connection: Connection
    workers: int = 1
    progress: Progress | None = None


Found = Iterator[int | Breach]
"""What a check tells while it looks: how many more things it looked at, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check: its name, the invariants that it is about, the table to name if it cannot even read."""

    name: str
    invariants: tuple[int, ...]
    table: str
    look: Callable[[View], Found]

    def done(self, view: View) -> Checked:
        """Look, and count. What cannot be read is a breach, too: nothing that is sound stops a check."""
        looked_at, breaches = 0, list[Breach]()
        try:
            for found in self.look(view):
                if isinstance(found, Breach):
                    breaches.append(found)
                else:
                    looked_at += found
        except Exception as error:
            sentence = f"It cannot be read: {type(error).__name__}: {error}"
            breaches.append(Breach(self.invariants[0], self.table, "", sentence))
        return Checked(self.name, self.invariants, looked_at, tuple(breaches))
