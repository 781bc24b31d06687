"""Charts as SVG, one for page and paper: labelled directly, from a zero line, in literal colours.

Made with Vega-Lite and drawn without a browser. A chart's bars are the only place where an amount becomes a
float, because a length on paper has to be one; every label is a text that was made from the integer. There is
no script, no style sheet, no id and no link in the SVG, and the same figures give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape

EARNED = "#2456b8"
TAKEN_BACK = "#b3261e"
BONUS = "#1b7a48"
PAID = "#6b7280"
INK = "#1c2430"
FAINT = "#c9ced6"
FONT = "Inter, DejaVu Sans, sans-serif"

_WIDTH = 640
_NAMES_WIDTH = 78
_LABEL_WIDTH = 170
_ROW = 15
_BAR = 9
_GAP = 9

_ROLES = re.compile(r' (?:class|role|pointer-events|aria-[a-z]+)="[^"]*"')
"""What the drawing library says of each mark; only ever of its own making, no text of ours is in it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: how long it is in minor units, what it says, its colour."""

    amount_minor: int
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars that stand together under a name: those of a month."""

    name: str
    bars: Sequence[Bar]


def bars_chart(groups: Sequence[Bars], title: str) -> str:
    """Horizontal bars in groups, each with its label beside it, as SVG.

    The title is what a screen reader says for the whole chart; the figures stand in a table beside it.
    """
    bars, names, height = _placed(groups)
    amounts = [0.0, *(bar["amount"] for bar in bars)]
    low, high = min(amounts), max(amounts)
    shape = _bars_shape()
    rows = {"bars": bars, "names": names}
    known = {"low": low, "high": high if high > low else low + 1}
    filled = shape | {
        "height": height,
        "data": [
            data | ({"values": rows[data["name"]]} if data["name"] in rows else {}) for data in shape["data"]
        ],
        "signals": [
            signal | ({"value": known[signal["name"]]} if signal["name"] in known else {})
            for signal in shape["signals"]
        ],
    }
    return _titled(vl_convert.vega_to_svg(filled), title, _WIDTH, height)


def _placed(groups: Sequence[Bars]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Every bar with its place from the top, every name beside the first of its bars, and the whole height."""
    bars, names, top = [], [], _GAP
    for group in groups:
        names.append({"name": group.name, "middle": top + _ROW / 2})
        for bar in group.bars:
            bars.append(
                {
                    "amount": float(bar.amount_minor),
                    "end": float(max(0, bar.amount_minor)),
                    "zero": 0.0,
                    "label": bar.label,
                    "colour": bar.colour,
                    "y": top + (_ROW - _BAR) / 2,
                    "y2": top + (_ROW + _BAR) / 2,
                    "middle": top + _ROW / 2,
                }
            )
            top += _ROW
        top += _GAP
    return bars, names, top


@lru_cache
def _bars_shape() -> dict[str, Any]:
    """The chart without its figures, checked and compiled once: most of the time that a chart takes."""
    room = [_NAMES_WIDTH, _WIDTH - _LABEL_WIDTH]
    across = alt.Scale(domain=[{"expr": "low"}, {"expr": "high"}], range=room, nice=False, round=True)
    down = alt.Scale(domain=[0, 1000], range=[0, 1000], nice=False)
    chart = (
        alt.layer(_bars(across, down), _labels(across, down), _zero(across), _names(down))
        .add_params(alt.param(name="low", value=0), alt.param(name="high", value=1))
        .properties(width=_WIDTH, height=1, padding=0, background="transparent")
        .configure(font=FONT, aria=False, view=alt.ViewConfig(stroke=None))
    )
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    return compiled


def _bars(across: alt.Scale, down: alt.Scale) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.NamedData("bars")).mark_rect()
    return chart.encode(
        x=alt.X("zero:Q", scale=across, axis=None),
        x2="amount:Q",
        y=alt.Y("y:Q", scale=down, axis=None),
        y2="y2:Q",
        color=alt.Color("colour:N", scale=None),
    )


def _labels(across: alt.Scale, down: alt.Scale) -> alt.Chart:
    """Beside the end of a bar; beside the zero line where the bar goes the other way."""
    chart: alt.Chart = alt.Chart(alt.NamedData("bars")).mark_text(
        align="left", baseline="middle", dx=6, fontSize=10.5
    )
    return chart.encode(
        x=alt.X("end:Q", scale=across, axis=None),
        y=alt.Y("middle:Q", scale=down, axis=None),
        text="label:N",
        color=alt.Color("colour:N", scale=None),
    )


def _zero(across: alt.Scale) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.InlineData([{"zero": 0.0}])).mark_rule(color=INK, strokeWidth=1)
    return chart.encode(x=alt.X("zero:Q", scale=across, axis=None))


def _names(down: alt.Scale) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.NamedData("names")).mark_text(
        align="left", baseline="middle", fontSize=10.5, fontWeight=600, color=INK
    )
    return chart.encode(x=alt.value(0), y=alt.Y("middle:Q", scale=down, axis=None), text="name:N")


def _titled(svg: str, title: str, width: int, height: int) -> str:
    """The SVG with a title, which is its text alternative, in place of a role for every stroke in it."""
    end = svg.index(">") + 1
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="chart" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
    )
    return f"{opening}<title>{escape(title)}</title>{_ROLES.sub('', svg[end:])}"
