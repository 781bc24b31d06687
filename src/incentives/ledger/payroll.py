"""Pay as payroll knows it: one amount per payee, earning code and currency (docs/rules.md section 11).

What is positive in the month, less caps, belongs to the code of its component's kind. A code whose net is
below 0 reduces the others in proportion. Recovered money then reduces the codes in proportion, or goes out
under a deduction code of its own. Every split is by largest remainder, ties by code, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from incentives.errors import Problem, Rejected, Told, told
from incentives.facts import Company
from incentives.ledger.pay import Payable, Payout
from incentives.money import largest_remainder

Kinds = Callable[[str, str], str]
"""The component kind of a plan and a component: ``commission``, ``shared_bonus``, ``draw``, …"""

DEDUCTION = "deduction"
"""The key of ``[payroll]`` whose code recovered money goes out under, if there is one."""

ADJUSTMENT = "adjustment"
"""The key of ``[payroll]`` for amounts that a person gave or took."""

PROFILE_SETTINGS: tuple[str, ...] = (
    "adp_company_code",
    "datev_client",
    "datev_consultant",
    "nmbrs_company",
    "nmbrs_debtor",
    "paychex_client",
)
"""Keys of ``[payroll]`` beside the earning codes: what a payroll profile must be told of the company."""


@dataclass(frozen=True, slots=True, order=True)
class PayrollLine:
    """What one payee gets, or gives back, under one earning code. Never 0; below 0 only under a deduction."""

    payee_id: str
    earning_code: str
    amount_minor: int
    currency: str


def payroll_lines(payouts: Iterable[Payout], kinds: Kinds, company: Company) -> list[PayrollLine]:
    """The payroll lines of one month's payouts, in order of payee, currency and code (section 11).

    The lines of a payout sum to exactly its ``pay_minor``. Raises :class:`Rejected` with every component
    kind that is to be paid and has no earning code.
    """
    outgoing = [payout for payout in payouts if goes_out(payout, company)]
    problems = missing_codes(outgoing, kinds, company)
    if problems:
        raise Rejected(problems)
    lines = [line for payout in outgoing for line in _lines(payout, kinds, company)]
    return sorted(lines, key=lambda line: (line.payee_id, line.currency, line.earning_code))


def goes_out(payout: Payout, company: Company) -> bool:
    """Whether payroll hears of a payout: there is pay, or earnings that a deduction code takes back."""
    return payout.pay_minor > 0 or (payout.positive_minor > 0 and bool(company.payroll.get(DEDUCTION)))


def missing_codes(payouts: Iterable[Payout], kinds: Kinds, company: Company) -> list[Problem]:
    """A problem for every component kind that is to be paid and has no earning code in company.toml."""
    paid = {
        (line.plan, line.component)
        for payout in payouts
        if goes_out(payout, company)
        for line in payout.lines
        if _is_paid(line)
    }
    wanted = {kinds(plan, component) for plan, component in paid}
    return [
        missing_setting(kind, told("Lines of kind %(kind)s are to be paid but have no earning code.", kind=kind))
        for kind in sorted(wanted)
        if not company.payroll.get(kind)
    ]


def missing_setting(key: str, sentence: Told) -> Problem:
    """A key of ``[payroll]`` that is not given and has to be."""
    cure = told('Add %(key)s = "…" to [payroll].', key=key)
    return Problem("company.toml", 0, f"payroll.{key}", "missing-setting", sentence, cure)


def _lines(payout: Payout, kinds: Kinds, company: Company) -> list[PayrollLine]:
    amounts = _earned_by_code(payout, kinds, company.payroll)
    deduction = company.payroll.get(DEDUCTION)
    if deduction:
        amounts[deduction] = amounts.get(deduction, 0) - payout.recovered_minor
    else:
        amounts = _reduced(amounts, payout.recovered_minor)
    assert sum(amounts.values()) == payout.pay_minor, "a payout carries all the lines it was made from"
    return [
        PayrollLine(payout.payee_id, code, amount_minor, payout.currency)
        for code, amount_minor in amounts.items()
        if amount_minor
    ]


def _earned_by_code(payout: Payout, kinds: Kinds, codes: Mapping[str, str]) -> dict[str, int]:
    """What each code earned before anything is recovered: never negative, in sum ``positive_minor``."""
    nets: dict[str, int] = {}
    for line in payout.lines:
        if _is_paid(line):
            code = codes[kinds(line.plan, line.component)]
            nets[code] = nets.get(code, 0) + line.amount_minor
    below_zero = -sum(net for net in nets.values() if net < 0)
    return _reduced({code: net for code, net in nets.items() if net > 0}, below_zero)


def _reduced(amounts: dict[str, int], by_minor: int) -> dict[str, int]:
    if not by_minor:
        return amounts
    reductions = largest_remainder(by_minor, amounts.items())
    return {code: amount - reductions[code] for code, amount in amounts.items()}


def _is_paid(line: Payable) -> bool:
    """Whether a line is part of P of section 11: positive, or a cap."""
    return line.amount_minor > 0 or line.kind == "cap"
