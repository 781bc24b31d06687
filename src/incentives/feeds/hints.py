"""What is not wrong but worth a look: words in the facts that no plan listens to, mostly misspelt ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from incentives.documents.written import nearest
from incentives.facts import Facts
from incentives.rules.commission import Commission
from incentives.rules.plan import Plan
from incentives.rules.shared_bonus import SharedBonus


def unheard(facts: Facts, plans: Iterable[Plan]) -> list[str]:
    """Roles of credits and of members that no plan names, and categories that plans name but no line has.

    Such money earns nothing, quietly and by the rules: a component pays the roles and categories it lists.
    """
    components = [each for plan in plans for version in plan.versions for each in version.components]
    commissions = [each for each in components if isinstance(each, Commission)]
    paid = {role for each in commissions for role in each.roles}
    if all(each.roles for each in commissions):
        credited = {credit.role for invoice in facts.invoices for credit in invoice.credits}
        known = paid | {role for each in components for role in getattr(each, "roles", ())}
        hints = list(_strange("Role {} in credits.csv is in no plan", credited, known))
    else:
        hints = []
    sharing = {role for each in components if isinstance(each, SharedBonus) for role in each.shares_ppm}
    if sharing:
        members = {each.role for each in facts.memberships}
        hints += _strange("Role {} in memberships.csv shares in no pool", members, sharing)
    named = {word for each in components for word in getattr(each, "categories", ())}
    lines = {line.category for invoice in facts.invoices for line in invoice.lines} - {""}
    hints += _strange("Category {} of a plan is on no invoice line", named, lines)
    return hints


def _strange(sentence: str, words: Iterable[str], known: set[str]) -> Iterator[str]:
    for word in sorted(set(words) - known):
        near = nearest(word, known)
        yield sentence.format(repr(word)) + (f". Is it {near!r}?" if near else ".")
