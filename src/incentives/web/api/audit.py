"""Who did what, when and why."""

from __future__ import annotations

from typing import Any

from incentives.service import listing
from incentives.web.api.frame import Noun, opens, page
from incentives.web.api.shapes import INSTANT, MAYBE, NUMBER, TEXT, AnyDay, Paged, Plain, page_of, said
from incentives.web.here import reader

noun = Noun("audit", "Acts: who did what, when and why; nothing of it ever changes.")

_ACT = said(
    "Act",
    {
        "act": NUMBER,
        "at": INSTANT,
        "actor": TEXT,
        "what": TEXT,
        "subject": MAYBE,
        "before": MAYBE,
        "after": MAYBE,
        "reason": MAYBE,
        "request": MAYBE,
    },
)


class Acts(Paged):
    """Which acts."""

    actor = Plain()
    what = Plain()
    since = AnyDay()


@noun.route("/audit")
@opens("audit:read")
@noun.arguments(Acts, location="query")
@noun.response(200, page_of("ActsPage", "acts", _ACT))
def list_acts(asked: dict[str, Any]) -> dict[str, Any]:
    """List acts, in order"""
    limit, after, since = asked.pop("limit"), asked.pop("after"), asked.pop("since", None)
    rows = listing.acts_page(reader(), after, limit, asked, since)
    return page("acts", [(each["act"], each) for each in rows], limit)
