"""Plant bugs, one at a time, in a copy of the project and see that its tests catch every one.

``python scripts/planted_bugs.py`` tries all of them; names as arguments try some, ``--list`` says which there
are, ``--suite tests/test_laws.py`` asks what one file of tests catches on its own. Exits 1 where a bug survives,
where a patch no longer applies, or where the tests fail without any bug. The project itself is not touched.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/incentives")
SUITE = (
    "tests/test_pay.py",
    "tests/test_scenarios.py",
    "tests/test_laws.py",
    "tests/test_model.py",
    "tests/test_scopes.py",
)
"""The fast selection, the quickest first: each run stops at the first test that fails."""
PROCESSES = 2
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "demo_output", "docs", "*.egg-info")


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake somebody could make: in ``file``, ``before`` becomes ``after``."""

    name: str
    says: str
    file: str
    before: str
    after: str


BUGS = (
    # Facts and positions
    Bug(
        "refunds-come-in",
        "the sign of refunds is lost: money that went back counts as money that came",
        "calculation/timeline.py",
        '"refund": -1,',
        '"refund": 1,',
    ),
    Bug(
        "duplicates-count",
        "an event that comes twice counts twice",
        "calculation/book.py",
        "        for event in (*once.values(), *others.values(), *versions):\n",
        "        for event in (each for each in events if each.occurred_on <= self.as_of):\n",
    ),
    Bug(
        "first-of-a-conflict-counts",
        "of two events with one id and different content the first is applied",
        "calculation/book.py",
        "                conflicts.add(event.ref)\n",
        "                pass\n",
    ),
    Bug(
        "refunds-before-payments",
        "on one day refunds come before payments",
        "facts.py",
        '    "refund": 5,\n',
        '    "refund": -1,\n',
    ),
    Bug(
        "overpayment-earns",
        "cash beyond what is collectible counts",
        "calculation/timeline.py",
        "collected = max(0, min(cash, collectible))",
        "collected = max(0, cash)",
    ),
    Bug(
        "tax-earns",
        "the position is cash, with its tax and with lines that do not count",
        "calculation/position.py",
        "return rounded(cash * worth, gross) if gross > 0 else 0",
        "return cash if gross > 0 else 0",
    ),
    Bug(
        "paid-in-full-is-not-enough",
        "full payment is released only when more than the whole is in",
        "calculation/position.py",
        "collected * PPM < release_ppm * moment.collectible",
        "collected * PPM <= release_ppm * moment.collectible",
    ),
    Bug(
        "suspended-by-the-first-due-date",
        "a suspension forgets that the due date was moved",
        "calculation/position.py",
        "due_dates = list(timeline.due_dates())",
        "due_dates = list(timeline.due_dates())[:1]",
    ),
    Bug(
        "late-by-the-first-due-date",
        "lateness is counted from the due date that was printed",
        "calculation/timeline.py",
        "moments.append(Moment(key, event, cause, collectible, collected, due_on))",
        "moments.append(Moment(key, event, cause, collectible, collected, invoice.due_on))",
    ),
    # Rounding, shares, currencies
    Bug(
        "half-even",
        "half a minor unit goes to the even neighbour",
        "money.py",
        "        return (exact + 500_000_000_000) // EXACT\n",
        "        whole, rest = divmod(exact, EXACT)\n"
        "        return whole + (2 * rest > EXACT or (2 * rest == EXACT and whole % 2))\n",
    ),
    Bug(
        "each-event-rounded",
        "each event is rounded, not the running total",
        "calculation/commission.py",
        " total.exact += exact\n",
        " total.exact += rounded(exact, PPM * PPM) * PPM * PPM\n",
    ),
    Bug(
        "shares-not-cascaded",
        "each share of a position is rounded on its own",
        "money.py",
        "        upper - rounded(position_minor * before_ppm, PPM)\n",
        "        rounded(position_minor * (upto_ppm - before_ppm), PPM) + 0 * upper\n",
    ),
    Bug(
        "remainders-by-name",
        "what a split leaves over goes to the first names, not to the largest remainders",
        "money.py",
        "largest_first = sorted(by_name, key=lambda pair: (-(total * pair[1] % whole), pair[0]))",
        "largest_first = by_name",
    ),
    Bug(
        "next-rate",
        "money is converted at the next rate, not at the last one",
        "calculation/book.py",
        "return rates[at - 1] if at else None",
        "return rates[min(at, len(rates) - 1)] if rates else None",
    ),
    Bug(
        "inverse-rate",
        "the rate is turned upside down",
        "calculation/book.py",
        "return rates[at - 1] if at else None",
        "return PPM * PPM // rates[at - 1] if at else None",
    ),
    # Rules and curves
    Bug(
        "version-a-day-late",
        "a version does not hold on its first day",
        "rules/plan.py",
        "if version.effective_from > day:",
        "if version.effective_from >= day:",
    ),
    Bug(
        "limit-belongs-below",
        "tiers are closed on the wrong side: who reaches a limit has not reached its tier",
        "calculation/curve.py",
        "return bisect_right(self.limits, attained, 1) - 1",
        "return bisect_right(self.limits, attained - 1, 1) - 1",
    ),
    Bug(
        "lower-tier-skipped",
        "a payment that crosses a limit earns the upper rate on the part below it",
        "calculation/curve.py",
        "found.append((self.limits[at] - before, self.rates_ppm[at - 1]))",
        "found.append((self.limits[at] - before, self.rates_ppm[at]))",
    ),
    Bug(
        "calendar-quarters",
        "windows follow the calendar year, not the fiscal year",
        "calculation/commission.py",
        "over, self.book.company.fiscal_year_starts)",
        "over, 1)",
    ),
    Bug(
        "leavers-earn-on",
        "cash counts for ever after a payee left",
        "calculation/commission.py",
        "(day - self.ends_on).days > after_days",
        "(day - self.ends_on).days > after_days + 36_500",
    ),
    Bug(
        "absent-people-count",
        "a manager is credited with people who did not report to them that day",
        "calculation/credits.py",
        "if not reports(payee_id, movement.on))",
        "if False)",
    ),
    # Taking back, giving back
    Bug(
        "taken-back-at-todays-rate",
        "a take-back takes what the money would earn today, not what it earned",
        "calculation/commission.py",
        "commission = [(part.segment, rounded(share_ppm * part.commission, PPM))]",
        "rate_ppm = window.tiers[curve.version_from].rate_at(window.attained)\n"
        "            commission = [(part.segment, factors.m_ppm * rate_ppm * part.plan_minor)]",
    ),
    Bug(
        "oldest-first",
        "money that goes back takes the oldest first",
        "calculation/segments.py",
        "newest_first = self.segments[::-1]",
        "newest_first = self.segments[:]",
    ),
    Bug(
        "named-payment-ignored",
        "a refund that names its payment takes the newest money all the same",
        "calculation/segments.py",
        "            newest_first.sort(key=lambda segment: segment.event is None or segment.event.ref != named)\n",
        "            pass\n",
    ),
    Bug(
        "attainment-stays",
        "attainment does not fall with the money that went back",
        "calculation/commission.py",
        "            window.attained -= part.plan_minor\n",
        "            pass\n",
    ),
    Bug(
        "company-pays-for-its-payees-faults",
        "the fault of the company takes commission back although the plan keeps it",
        "calculation/commission.py",
        'if event.fault == "company" and clawback.company_fault == "keep":',
        'if event.fault == "company" and clawback.company_fault == "take_back":',
    ),
    Bug(
        "won-chargeback-earns-anew",
        "a chargeback that is won earns at today's curve instead of restoring what it took",
        "calculation/commission.py",
        '        if event.type == "chargeback_reversed":\n',
        '        if event.type == "write_off":\n',
    ),
    Bug(
        "take-backs-are-held",
        "a take-back waits as many days as an earning",
        "calculation/commission.py",
        "payable_on = max(payable_on, segment.payable_on)",
        "payable_on = max(payable_on, movement.on + (segment.payable_on - segment.on))",
    ),
    # Caps, draws, metrics, pay
    Bug(
        "cap-per-line",
        "a cap looks at each event on its own, not at the window",
        "calculation/caps.py",
        "self.sum_minor += sum(",
        "self.sum_minor = sum(",
    ),
    Bug(
        "deferred-is-lost",
        "what a cap defers never comes",
        "calculation/caps.py",
        'excess_minor = self._over() if self.cap and self.cap.excess == "defer" else 0',
        "excess_minor = 0",
    ),
    Bug(
        "draw-debt-forgotten",
        "the debt of a draw is not carried into the next month",
        "calculation/draws.py",
        "debt_minor = debt_after_minor",
        "debt_minor = 0",
    ),
    Bug(
        "due-is-overdue",
        "what is due on a day is overdue on that day",
        "calculation/metrics.py",
        "timeline.due_on_at(period.last) < period.last",
        "timeline.due_on_at(period.last) <= period.last",
    ),
    Bug(
        "recovery-cap-ignored",
        "debt is recovered from the whole pay",
        "ledger/pay.py",
        "recovered = min(debt, rounded(cap_ppm * positive, PPM))",
        "recovered = min(debt, positive)",
    ),
    Bug(
        "explanation-tells-more",
        "a step of an explanation contributes more than it did",
        "calculation/reasons.py",
        "                        m_ppm * (rate_ppm + add_ppm) * part_minor,\n",
        "                        m_ppm * (rate_ppm + add_ppm) * part_minor + 5 * EXACT,\n",
    ),
    Bug(
        "debt-not-carried",
        "what is not recovered in a month is forgotten",
        "ledger/pay.py",
        "carried = payout.carried_forward_minor",
        "carried = 0",
    ),
    # Pieces of a run
    Bug(
        "customers-begin-in-the-chunk",
        "a customer's first invoice is the first one of the chunk",
        "calculation/book.py",
        "        self.around = around or Surroundings(",
        "        self.around = Surroundings(",
    ),
    Bug(
        "conflicts-end-at-the-chunk",
        "two versions of an event for two payees both count",
        "engines/memory.py",
        "            conflicts_from=_conflicts_from(facts.events),\n",
        "",
    ),
    Bug(
        "sources-end-at-the-chunk",
        "an id under two sources is a cause without its source where a payee sees only one of them",
        "engines/memory.py",
        "            two_sources_from=_from_when((e.event_id, e.source, e.occurred_on) for e in facts.events),\n",
        "",
    ),
    Bug(
        "teams-pay-apart",
        "what two teams pay one payee for one period is two lines",
        "calculation/chunks.py",
        "merged([*lines, *task.from_teams]) if task.from_teams else lines",
        "[*lines, *task.from_teams]",
    ),
    Bug(
        "managers-see-their-own-invoices-only",
        "the invoices of those below a manager are missing in the chunk",
        "engines/chunks.py",
        "managers = tuple(each for each in payees if each in self._leads)",
        "managers = ()",
    ),
    Bug(
        "other-teams-forgotten",
        "a touched team's members lose what other teams pay them",
        "engines/chunks.py",
        "        self._teams |= {each.team for each in memberships if each.payee_id in self._members}\n",
        "",
    ),
    Bug(
        "the-past-reaches-no-tier",
        "where only lines from a day on are asked for, earlier money does not count for the tiers",
        "calculation/commission.py",
        "open_.window.attained += plan_minor",
        "open_.window.attained += 0",
    ),
    Bug(
        "the-past-reaches-tiers-too-early",
        "where only lines from a day on are asked for, earlier money counts before it came",
        "calculation/commission.py",
        "while waits and waits[-1][0] < key:",
        "while waits:",
    ),
    Bug(
        "what-happens-that-day-is-over",
        "where only lines from a day on are asked for, an invoice is not followed though money comes that day",
        "calculation/attainment.py",
        "event.occurred_on >= before",
        "event.occurred_on > before",
    ),
    Bug(
        "what-counts-for-good-is-lost",
        "where only lines from a day on are asked for, money that went back no longer counts though it should",
        "calculation/attainment.py",
        'component.clawback.attainment == "reduce" and _in_one_window',
        "_in_one_window",
    ),
    Bug(
        "what-went-back-counts-where-it-went",
        "where only lines from a day on are asked for, money leaves another window than it counted in",
        "calculation/attainment.py",
        'component.clawback.attainment == "reduce" and _in_one_window(book, curve, keys)',
        'component.clawback.attainment == "reduce"',
    ),
    Bug(
        "the-past-has-no-worth",
        "where only lines from a day on are asked for, earlier money misses the step of a whole_amount window",
        "calculation/curve.py",
        '("payment", "own", "marginal")',
        '("payment", "own", component.tiers_apply)',
    ),
    Bug(
        "the-past-fills-no-cap",
        "where only lines from a day on are asked for, earlier ones do not count for the cap",
        "calculation/earned.py",
        "None if is_capped(plan, name) else from_day",
        "from_day",
    ),
    Bug(
        "the-past-pays-no-draw-back",
        "where only lines from a day on are asked for, earlier ones recover no draw",
        "calculation/earned.py",
        "None if has_draw else from_day",
        "from_day",
    ),
    Bug(
        "a-moved-line-is-forgotten",
        "a run after an event compares only keys that stood on its day or later from the first",
        "ledger/entries.py",
        "earlier[-1].earned_on >= from_day",
        "earlier[0].earned_on >= from_day",
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests said to a bug."""

    bug: Bug
    caught_by: str
    seconds: float
    mistake: str = ""
    """Why nothing can be said about this bug: its patch does not apply, or the tests could not run."""

    @property
    def good(self) -> bool:
        """Whether a test caught it."""
        return bool(self.caught_by) and not self.mistake


def patched(bug: Bug, project: Path = PROJECT) -> tuple[str, str]:
    """The file with the bug in it, and what is wrong with the patch: it has to fit in exactly one place."""
    path = project / PACKAGE / bug.file
    if not path.exists():
        return "", f"{bug.file} does not exist"
    text = path.read_text(encoding="utf-8")
    places = text.count(bug.before)
    if places != 1:
        return "", f"its text stands in {bug.file} {places} times"
    return text.replace(bug.before, bug.after), ""


def run_tests(folder: Path, suite: Sequence[str]) -> tuple[int, str]:
    """The exit code of the tests in a folder, and the first one that failed."""
    environment = os.environ | {
        "CI": "1",  # the same worlds for every bug
        "LAW_SHRINK": "no",  # that it fails is enough
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(folder / "src"),
    }
    files = [each for each in suite if (folder / each).exists()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = done.stdout.decode("utf-8", "replace")
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    return done.returncode, failed[1] if failed else output.strip().rpartition("\n")[2]


def try_bug(bug: Bug, folder: Path, suite: Sequence[str]) -> Outcome:
    """Plant one bug in a copy of the project, run the tests, take it out again."""
    text, mistake = patched(bug, folder)
    if mistake:
        return Outcome(bug, "", 0, mistake)
    path = folder / PACKAGE / bug.file
    clean = path.read_bytes()
    started = time.monotonic()
    path.write_text(text, encoding="utf-8")
    try:
        code, said = run_tests(folder, suite)
    finally:
        path.write_bytes(clean)
    seconds = time.monotonic() - started
    if code == 0:
        return Outcome(bug, "", seconds)
    return Outcome(bug, said, seconds, "" if code == 1 else f"the tests could not run: {said}")


def try_all(bugs: Sequence[Bug], suite: Sequence[str]) -> tuple[list[Outcome], str]:
    """Every bug, in copies of the project, a few at a time; and what fails without any bug."""
    with tempfile.TemporaryDirectory(prefix="planted-bugs-") as temporary:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(PROCESSES):
            folder = Path(temporary) / str(number)
            shutil.copytree(PROJECT, folder, ignore=_LEFT_OUT)
            copies.put(folder)

        code, said = run_tests(Path(temporary) / "0", suite)
        if code:
            return [], said

        def one(bug: Bug) -> Outcome:
            folder = copies.get()
            try:
                outcome = try_bug(bug, folder, suite)
            finally:
                copies.put(folder)
            say(line(outcome))
            return outcome

        with ThreadPoolExecutor(PROCESSES) as pool:
            return list(pool.map(one, bugs)), ""


def line(outcome: Outcome) -> str:
    """One row of the table."""
    verdict = outcome.mistake or outcome.caught_by or "SURVIVED"
    mark = " " if outcome.good else "!"
    return f"{mark} {outcome.bug.name:{_widest()}}  {outcome.seconds:6.1f} s  {verdict}"


def _widest() -> int:
    return max(len(bug.name) for bug in BUGS)


def say(text: str) -> None:
    """Print, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the bugs that are asked for."""
    parser = argparse.ArgumentParser(description="Plant bugs in a copy of the project and run its tests.")
    parser.add_argument("names", nargs="*", metavar="BUG", help="try only these")
    parser.add_argument("--suite", action="append", metavar="FILE", help="run only these tests")
    parser.add_argument("--list", action="store_true", help="say which bugs there are")
    asked = parser.parse_args(arguments)
    known = {bug.name: bug for bug in BUGS}
    if unknown := [name for name in asked.names if name not in known]:
        parser.error(f"unknown: {', '.join(unknown)}")
    bugs = [known[name] for name in asked.names] or list(BUGS)
    if asked.list:
        for bug in bugs:
            say(f"{bug.name:{_widest()}}  {bug.says} ({bug.file})")
        return 0
    outcomes, failing = try_all(bugs, asked.suite or SUITE)
    if failing:
        say(f"Without any bug this already fails, so nothing can be said: {failing}")
        return 1
    caught = sum(outcome.good for outcome in outcomes)
    say(f"{caught} of {len(outcomes)} planted bugs were caught.")
    return 0 if caught == len(outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
