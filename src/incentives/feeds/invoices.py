"""customers.csv, customer_credit.csv, invoices.csv with their lines and credits (docs/formats.md)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from incentives.documents import written
from incentives.documents.written import Unreadable, shown
from incentives.errors import marked, told
from incentives.facts import Credit, CreditRecord, Customer, Invoice, InvoiceLine
from incentives.feeds import cells
from incentives.feeds.known import Known, foretold, other_decimals
from incentives.feeds.people import Payees
from incentives.feeds.tables import Kept, Sheet, maybe, needed
from incentives.money import PPM

Customers = Kept[str, Customer]
Invoices = Kept[str, Invoice]
Lines = Kept[tuple[str, str], InvoiceLine]
Credits = Kept[tuple[str, str, str], Credit]

CUSTOMERS = (needed("customer_id"), needed("name"), maybe("country"))
CUSTOMER_CREDIT = (
    needed("customer_id"),
    needed("on", written.day),
    maybe("risk_grade"),
    maybe(
        "credit_approval",
        cells.word(written.CREDIT_APPROVALS, "unknown-word", marked("%(found)s is not a credit approval.")),
    ),
    maybe("credit_limit"),
    maybe("security", cells.word(written.SECURITIES, "unknown-word", marked("%(found)s is not a security."))),
)
INVOICES = (
    needed("invoice_id"),
    needed("customer_id"),
    needed("currency", written.currency),
    needed("issued_on", written.day),
    needed("due_on", written.day),
    maybe("contract_signed_on", written.day, None),
    maybe("team"),
)
LINES = (
    needed("invoice_id"),
    needed("line"),
    needed("net"),
    maybe("tax"),
    maybe("category"),
    maybe("cost"),
    maybe("commissionable", cells.yes_no, True),
)
CREDITS = (
    needed("invoice_id"),
    needed("payee_id"),
    needed("role"),
    needed("share", cells.share),
)


def read_customers(sheet: Sheet, known: Known | None = None) -> Customers:
    """Who owes."""
    kept: Customers = Kept(sheet, marked("Customer %(key)s"), known.customer_ids if known else None)
    for line, values in sheet.rows(CUSTOMERS):
        customer = Customer(*values)
        kept.add(line, customer.customer_id, customer)
    return kept


def read_customer_credit(
    sheet: Sheet, customers: Customers, currency: str | None
) -> Kept[tuple[str, dt.date], CreditRecord]:
    """Dated credit records, at most one of a customer on a day (section 3); limits in the company's currency."""
    what = marked("A credit record of this customer on this day")
    kept: Kept[tuple[str, dt.date], CreditRecord] = Kept(sheet, what)
    for line, (customer_id, on, risk_grade, approval, limit, security) in sheet.rows(CUSTOMER_CREDIT):
        customers.check(customer_id, sheet, line, "customer_id")
        limit_minor = amount_or_none(sheet, line, "credit_limit", limit, currency)
        if limit_minor is not None and limit_minor < 0:
            sentence = told("%(found)s is below 0.", found=shown(limit))
            sheet.refuse(line, "credit_limit", "negative", sentence, told("Write 0 or more."))
        kept.add(
            line, (customer_id, on), CreditRecord(customer_id, on, risk_grade, approval, limit_minor, security)
        )
    return kept


def amount_or_none(sheet: Sheet, line: int, column: str, found: str, currency: str | None) -> int | None:
    """An amount where one is given; what is not an amount is refused."""
    if not found:
        return None
    try:
        return cells.amount(found, currency)
    except Unreadable as error:
        sheet.refuse_cell(line, column, error)
        return None


def read_invoices(sheet: Sheet, customers: Customers, known: Known | None = None) -> Invoices:
    """Invoices, still without their lines and credits."""
    kept: Invoices = Kept(sheet, marked("Invoice %(key)s"), known.invoice_currencies if known else None)
    rows = sheet.rows(INVOICES)
    for line, values in foretold(rows, 0, known.expect) if known else rows:
        invoice = Invoice(*values)
        customers.check(invoice.customer_id, sheet, line, "customer_id")
        before = known.invoice_currencies.get(invoice.invoice_id) if known else None
        if found := other_decimals(before, invoice.currency):
            sheet.refuse(line, "currency", *found)
        kept.add(line, invoice.invoice_id, invoice)
    return kept


def read_lines(sheet: Sheet, invoices: Invoices, known: Known | None = None) -> Lines:
    """Lines of invoices, in the invoice's currency. Amounts may be negative: a line may be a reduction. They come
    with their invoice: of a known one that is not listed again, nobody could tell whether these are all."""
    kept: Lines = Kept(sheet, marked("This line of the invoice"))
    rows = sheet.rows(LINES)
    for line, values in foretold(rows, 0, known.expect) if known else rows:
        invoice_id, name, net, tax, category, cost, commissionable = values
        invoices.check(invoice_id, sheet, line, "invoice_id")
        _refuse_unlisted(sheet, line, invoice_id, invoices)
        invoice = invoices.by_key.get(invoice_id)
        currency = invoice[1].currency if invoice else None
        amounts = [
            amount_or_none(sheet, line, column, found, currency) or 0
            for column, found in (("net", net), ("tax", tax), ("cost", cost))
        ]
        record = InvoiceLine(name, amounts[0], amounts[1], category, amounts[2], commissionable)
        kept.add(line, (invoice_id, name), record)
    return kept


def _refuse_unlisted(sheet: Sheet, line: int, invoice_id: str, invoices: Invoices) -> None:
    if invoices.known is None or invoice_id in invoices.by_key or invoice_id in invoices.sheet.lost:
        return
    if invoice_id in invoices.known and not invoices.sheet.unusable:
        sentence = told(
            "Invoice %(invoice)s is known, but %(file)s does not list it here.",
            invoice=shown(invoice_id),
            file=invoices.sheet.file,
        )
        cure = told("List it there too, with all its lines.")
        sheet.refuse(line, "invoice_id", "unlisted-invoice", sentence, cure)


def read_credits(sheet: Sheet, invoices: Invoices, payees: Payees, known: Known | None = None) -> Credits:
    """Shares of invoices, in listed order; those of one role on one invoice sum to at most 1 (section 3). Those of
    a known invoice are its whole new list, so that none of the earlier ones counts into the sum."""
    kept: Credits = Kept(sheet, marked("A credit of this payee under this role on this invoice"))
    shared: defaultdict[tuple[str, str], int] = defaultdict(int)
    rows = sheet.rows(CREDITS)
    for line, (invoice_id, payee_id, role, share_ppm) in foretold(rows, 0, known.expect) if known else rows:
        invoices.check(invoice_id, sheet, line, "invoice_id")
        payees.check(payee_id, sheet, line, "payee_id")
        if kept.add(line, (invoice_id, payee_id, role), Credit(payee_id, role, share_ppm)):
            before = shared[invoice_id, role]
            shared[invoice_id, role] = now = before + share_ppm
            if before <= PPM < now:
                sentence = told(
                    "The shares of role %(role)s on invoice %(invoice)s sum to %(sum)s.",
                    role=shown(role),
                    invoice=shown(invoice_id),
                    sum=written.decimal(now),
                )
                cure = told("Shares of one role on one invoice sum to at most 1.")
                sheet.refuse(line, "share", "shares-above-one", sentence, cure)
    return kept


def whole_invoices(invoices: Invoices, lines: Lines, credits: Credits) -> tuple[Invoice, ...]:
    """Invoices with their lines and credits. An invoice is taken whole or not at all: one that misses a line or a
    credit would pay wrong amounts to everybody on it."""
    _refuse_without_lines(invoices, lines)
    _refuse_in_parts(invoices, lines, credits)
    lines_of: defaultdict[str, list[InvoiceLine]] = defaultdict(list)
    credits_of: defaultdict[str, list[Credit]] = defaultdict(list)
    for (invoice_id, _), (_, invoice_line) in lines.by_key.items():
        lines_of[invoice_id].append(invoice_line)
    for (invoice_id, _, _), (_, credit) in credits.by_key.items():
        credits_of[invoice_id].append(credit)
    return tuple(
        Invoice(
            invoice.invoice_id,
            invoice.customer_id,
            invoice.currency,
            invoice.issued_on,
            invoice.due_on,
            invoice.contract_signed_on,
            invoice.team,
            tuple(lines_of[invoice.invoice_id]),
            tuple(credits_of.get(invoice.invoice_id, ())),
        )
        for invoice in invoices.accepted()
    )


def credits_alone(invoices: Invoices, credits: Credits) -> dict[str, tuple[Credit, ...]]:
    """The new lists of credits of known invoices that are not listed themselves."""
    lists: defaultdict[str, list[Credit]] = defaultdict(list)
    for (invoice_id, _, _), (line, credit) in credits.by_key.items():
        if invoice_id not in invoices.by_key and line not in credits.sheet.rejected:
            lists[invoice_id].append(credit)
    return {invoice_id: tuple(listed) for invoice_id, listed in lists.items()}


def _refuse_without_lines(invoices: Invoices, lines: Lines) -> None:
    if lines.sheet.unusable:
        return
    with_lines = {invoice_id for invoice_id, _ in lines.by_key} | lines.sheet.lost
    for invoice_id, (line, _) in invoices.by_key.items():
        if invoice_id not in with_lines:
            sentence = told("Invoice %(invoice)s has no lines.", invoice=shown(invoice_id))
            cure = told("Add them to %(file)s.", file=lines.sheet.file)
            invoices.sheet.refuse(line, "invoice_id", "no-lines", sentence, cure)


def _refuse_in_parts(invoices: Invoices, lines: Lines, credits: Credits) -> None:
    """Where good rows are taken without the bad ones: an invoice falls with any of its parts, and they with it."""
    if not invoices.sheet.takes_good_rows:
        return
    a_line = marked("One of the lines of invoice %(invoice)s was rejected.")
    a_credit = marked("One of the credits of invoice %(invoice)s was rejected.")
    broken = {
        a_line: {key[0] for key, (line, _) in lines.by_key.items() if line in lines.sheet.rejected}
        | lines.sheet.lost,
        a_credit: {key[0] for key, (line, _) in credits.by_key.items() if line in credits.sheet.rejected}
        | credits.sheet.lost,
    }
    for sentence, invoice_ids in broken.items():
        for invoice_id in sorted(invoice_ids & invoices.by_key.keys()):
            said = told(sentence, invoice=shown(invoice_id))
            invoices.sheet.refuse_dependent(invoices.by_key[invoice_id][0], "invoice_id", said)
    for (invoice_id, _), (line, _) in lines.by_key.items():
        if invoice_id in invoices.by_key:
            invoices.check(invoice_id, lines.sheet, line, "invoice_id")
    for (invoice_id, _, _), (line, _) in credits.by_key.items():
        if invoice_id in invoices.by_key:
            invoices.check(invoice_id, credits.sheet, line, "invoice_id")
        elif invoice_id in broken[a_credit]:
            said = told(a_credit, invoice=shown(invoice_id))
            credits.sheet.refuse_dependent(line, "invoice_id", said)
