"""Files with mistakes are brought, mended, brought again; and a second time, which adds nothing."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from served import FEMKE, signed_in
from stories import bring, csv, goes_on, says

EVENTS = "event_id,type,invoice_id,occurred_on,amount,source"
GOOD = "bank-801,payment,INV-26-047,2026-08-01,{amount},bank"
BAD = (
    "bank-802,payment,INV-26-999,2026-08-01,100.00,bank",
    "bank-803,payment,INV-26-038,01/08/2026,100.00,bank",
    'bank-804,payment,INV-26-044,2026-08-02,"1,210.00",bank',
)


def test_every_mistake_is_told_by_row_before_anything_is_taken(browser: Browser, story_address: str) -> None:
    femke = signed_in(browser, story_address, FEMKE)
    good = GOOD.format(amount="100.00")
    bring(femke, story_address, "bank august", csv("events.csv", EVENTS, good, *BAD))
    says(femke, "3 mistakes.", "events.csv 4 1 0 0 3")
    says(femke, "3 invoice_id Invoice 'INV-26-999' is not in invoices.csv, nor known from before.")
    says(femke, "4 occurred_on '01/08/2026' is not a date. Write it as 2026-01-31: year, month, day.")
    says(femke, "5 amount '1,210.00' is not an amount. Write it as 1234.50")
    femke.get_by_role("button", name="Throw it away").click()
    femke.goto(f"{story_address}/import")
    assert "bank-august" not in femke.locator("main").inner_text()

    mended = ("bank-803,payment,INV-26-038,2026-08-01,100.00,bank",)
    for new, known in ((2, 0), (0, 2)):
        bring(femke, story_address, "bank august", csv("events.csv", EVENTS, good, *mended))
        says(femke, "Everything can be read.", f"events.csv 2 {new} {known} 0 0")
        femke.get_by_role("button", name="Import it").click()
        goes_on(femke)
        newest = femke.locator("tbody tr").first
        counts = re.compile(rf"bank-august\s+Femke Bos.* UTC\s+2\s+{new}\s+{known}\s+0", re.DOTALL)
        expect(newest).to_have_text(counts, use_inner_text=True)
    femke.goto(f"{story_address}/invoices/INV-26-047")
    assert femke.locator("main").inner_text().count("bank-801") == 1
