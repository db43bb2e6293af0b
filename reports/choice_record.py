"""A split that was chosen, as the reports show it: plain data, whoever chose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChoiceRecord:
    """What one rule chose, in words for a person.

    ``rule``: its name (``traffic``, ``balance``). ``split`` and ``pool``: the cut; both None if no
    split qualifies. ``source``: whose numbers it looked at, None if nobody's were enough.
    ``why``: one sentence. ``rejected``: (split as the table labels it, reason) for every other one,
    in table order. ``notes``: what to know before one trusts it, a sentence each.
    """

    rule: str
    split: int | None
    pool: str | None
    source: str | None
    why: str
    rejected: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """The split as the table labels it: ``5``, ``3 after``; None if there is none."""
        if self.split is None:
            return None
        return f"{self.split} after" if self.pool == "after" else str(self.split)
