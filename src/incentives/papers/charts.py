"""Charts as SVG, one for page and paper: labelled directly, from a zero line, in literal colours.

Made with Vega-Lite and drawn without a browser. A chart's bars are the only place where an amount becomes a
float, because a length on paper has to be one; every label is a text that was made from the integer. There is
no script, no style sheet, no id and no link in the SVG, and the same figures give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Size:
    """How wide bars are drawn, and how large; lengths in pixels."""

    width: int
    names_width: int
    label_width: int
    row: int
    bar: int
    gap: int
    font: float
    kind: str = "chart"
    """The classes of the SVG."""


PAPER = Size(640, 78, 170, 15, 9, 9, 10.5)
WIDE = Size(640, 96, 190, 22, 12, 12, 13, "chart on-desk")
NARROW = Size(358, 84, 150, 20, 11, 10, 12, "chart on-phone")
"""On paper; on a screen; on a phone, where the screen's could not be read."""

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


def bars_chart(groups: Sequence[Bars], title: str, size: Size = PAPER) -> str:
    """Horizontal bars in groups, each with its label beside it, as SVG.

    The title is what a screen reader says for the whole chart; the figures stand in a table beside it.
    """
    return _drawn(tuple(replace(each, bars=tuple(each.bars)) for each in groups), title, size)


def bars_on_screen(groups: Sequence[Bars], title: str) -> str:
    """The chart twice: the style sheet shows the one that can be read at the screen's width."""
    return bars_chart(groups, title, WIDE) + bars_chart(groups, title, NARROW)


@lru_cache(maxsize=512)
def _drawn(groups: tuple[Bars, ...], title: str, size: Size) -> str:
    """Drawing takes longer than everything else on a page; the same figures are looked at again and again."""
    bars, names, height = _placed(groups, size)
    amounts = [0.0, *(bar["amount"] for bar in bars)]
    low, high = min(amounts), max(amounts)
    shape = _bars_shape(size)
    known = {"low": low, "high": high if high > low else low + 1}
    filled = _filled(shape, {"bars": bars, "names": names}) | {
        "height": height,
        "signals": [
            signal | ({"value": known[signal["name"]]} if signal["name"] in known else {})
            for signal in shape["signals"]
        ],
    }
    return _titled(vl_convert.vega_to_svg(filled), title, size.width, height, size.kind)


def _placed(groups: Sequence[Bars], size: Size) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Every bar with its place from the top, every name beside the first of its bars, and the whole height."""
    bars, names, top = [], [], size.gap
    for group in groups:
        names.append({"name": group.name, "middle": top + size.row / 2})
        for bar in group.bars:
            bars.append(
                {
                    "amount": float(bar.amount_minor),
                    "end": float(max(0, bar.amount_minor)),
                    "zero": 0.0,
                    "label": bar.label,
                    "colour": bar.colour,
                    "y": top + (size.row - size.bar) / 2,
                    "y2": top + (size.row + size.bar) / 2,
                    "middle": top + size.row / 2,
                }
            )
            top += size.row
        top += size.gap
    return bars, names, top


@lru_cache
def _bars_shape(size: Size) -> dict[str, Any]:
    """The chart without its figures, checked and compiled once: most of the time that a chart takes."""
    room = [size.names_width, size.width - size.label_width]
    across = alt.Scale(domain=[{"expr": "low"}, {"expr": "high"}], range=room, nice=False, round=True)
    down = alt.Scale(domain=[0, 1000], range=[0, 1000], nice=False)
    chart = (
        alt.layer(_bars(across, down), _labels(across, down, size.font), _zero(across), _names(down, size.font))
        .add_params(alt.param(name="low", value=0), alt.param(name="high", value=1))
        .properties(width=size.width, height=1, padding=0, background="transparent")
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


def _labels(across: alt.Scale, down: alt.Scale, font: float) -> alt.Chart:
    """Beside the end of a bar; beside the zero line where the bar goes the other way."""
    chart: alt.Chart = alt.Chart(alt.NamedData("bars")).mark_text(
        align="left", baseline="middle", dx=6, fontSize=font
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


def _names(down: alt.Scale, font: float) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.NamedData("names")).mark_text(
        align="left", baseline="middle", fontSize=font, fontWeight=600, color=INK
    )
    return chart.encode(x=alt.value(0), y=alt.Y("middle:Q", scale=down, axis=None), text="name:N")


# Steps over time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Steps:
    """An amount over time: from each day on it is so much, until the next. ``label`` stands at its end."""

    steps: Sequence[tuple[dt.date, int]]
    label: str
    colour: str
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that is marked with a line from top to bottom."""

    day: dt.date
    label: str


_STEPS_HEIGHT = 190
_STEPS_TOP = 26
_STEPS_BOTTOM = 168
_STEPS_WIDTH = 380
"""Narrow, so that its texts can be read on a phone."""
_STEPS_RIGHT = _STEPS_WIDTH - 158
_LINE = 14


def steps_chart(lines: Sequence[Steps], marks: Sequence[Mark], first: Mark, last: Mark, title: str) -> str:
    """Amounts over time as steps from a zero line, each with its label at its end; ``first`` and ``last`` are the
    ends of the time that is shown."""
    days = max(1, (last.day - first.day).days)
    high = max([1, *(minor for line in lines for _, minor in line.steps)])

    def x(day: dt.date) -> float:
        return (min(max(day, first.day), last.day) - first.day).days / days * _STEPS_RIGHT

    def y(amount_minor: int) -> float:
        return _STEPS_BOTTOM - max(0, amount_minor) / high * (_STEPS_BOTTOM - _STEPS_TOP)

    points, fills, texts = [], [], []
    for number, line in enumerate(lines):
        ended = [*line.steps, (last.day, line.steps[-1][1])]
        drawn = [{"x": x(day), "y": y(minor), "line": number, "colour": line.colour} for day, minor in ended]
        points += drawn
        if line.is_filled:
            fills += [each | {"zero": float(_STEPS_BOTTOM)} for each in drawn]
        texts.append({"x": _STEPS_RIGHT + 6.0, "y": drawn[-1]["y"], "label": line.label, "colour": line.colour})
    rules = [{"x": x(mark.day), "top": _STEPS_TOP - 8.0, "bottom": float(_STEPS_BOTTOM)} for mark in marks]
    for mark in marks:
        texts.append({"x": min(x(mark.day), _STEPS_RIGHT - 60.0), "y": 9.0, "label": mark.label, "colour": PAID})
    ends = [
        {"x": 0.0, "y": _STEPS_BOTTOM + 12.0, "label": first.label, "colour": PAID},
        {"x": _STEPS_RIGHT - 60.0, "y": _STEPS_BOTTOM + 12.0, "label": last.label, "colour": PAID},
    ]
    labels = [*_apart(texts[: len(lines)]), *texts[len(lines) :], *ends]
    rows: dict[str, list[Any]] = {"points": points, "fills": fills, "rules": rules, "texts": labels}
    filled = _filled(_steps_shape(), rows)
    return _titled(vl_convert.vega_to_svg(filled), title, _STEPS_WIDTH, _STEPS_HEIGHT)


def _filled(shape: dict[str, Any], rows: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """A chart with its figures, each where the shape names them."""
    data = [each | ({"values": rows[each["name"]]} if each["name"] in rows else {}) for each in shape["data"]]
    return shape | {"data": data}


def _apart(texts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Labels of lines that end near each other, one below the other."""
    lowest = -_LINE
    for each in sorted(texts, key=lambda each: each["y"]):
        each["y"] = lowest = max(each["y"], lowest + _LINE)
    return texts


@lru_cache
def _steps_shape() -> dict[str, Any]:
    """The chart without its figures: places on it are given in pixels."""
    across = alt.Scale(domain=[0, _STEPS_WIDTH], range=[0, _STEPS_WIDTH], nice=False)
    down = alt.Scale(domain=[0, _STEPS_HEIGHT], range=[0, _STEPS_HEIGHT], nice=False)
    left, top = alt.X("x:Q", scale=across, axis=None), alt.Y("y:Q", scale=down, axis=None)
    colour = alt.Color("colour:N", scale=None)
    fills = alt.Chart(alt.NamedData("fills")).mark_area(interpolate="step-after", opacity=0.16)
    lines = alt.Chart(alt.NamedData("points")).mark_line(interpolate="step-after", strokeWidth=2)
    rules = alt.Chart(alt.NamedData("rules")).mark_rule(color=PAID, strokeDash=[3, 3])
    texts = alt.Chart(alt.NamedData("texts")).mark_text(align="left", baseline="middle", fontSize=11)
    zero = alt.Chart(alt.InlineData([{"y": float(_STEPS_BOTTOM), "x": 0.0, "end": float(_STEPS_RIGHT)}]))
    chart = (
        alt.layer(
            fills.encode(x=left, y=top, y2="zero:Q", detail="line:N", color=colour),
            zero.mark_rule(color=INK, strokeWidth=1).encode(x=left, x2="end:Q", y=top),
            rules.encode(x=left, y=alt.Y("top:Q", scale=down, axis=None), y2="bottom:Q"),
            lines.encode(x=left, y=top, detail="line:N", color=colour),
            texts.encode(x=left, y=top, text="label:N", color=colour),
        )
        .properties(width=_STEPS_WIDTH, height=_STEPS_HEIGHT, padding=0, background="transparent")
        .configure(font=FONT, aria=False, view=alt.ViewConfig(stroke=None))
    )
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    return compiled


def _titled(svg: str, title: str, width: int, height: int, kind: str = "chart") -> str:
    """The SVG with a title, which is its text alternative, in place of a role for every stroke in it."""
    end = svg.index(">") + 1
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="{kind}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
    )
    return f"{opening}<title>{escape(title)}</title>{_ROLES.sub('', svg[end:])}"
