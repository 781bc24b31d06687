"""The pages: one blueprint per noun."""

from __future__ import annotations

from flask import Flask

from incentives.web.pages import (
    account,
    audit,
    customers,
    home,
    imports,
    invoices,
    jobs,
    month,
    payroll,
    people,
    plans,
    questions,
    together,
)

BLUEPRINTS = (
    home.blueprint,
    jobs.blueprint,
    people.blueprint,
    account.blueprint,
    plans.blueprint,
    month.blueprint,
    imports.blueprint,
    questions.blueprint,
    payroll.blueprint,
    audit.blueprint,
    together.blueprint,
    customers.blueprint,
    invoices.blueprint,
)


def set_up(app: Flask) -> None:
    """Every page."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
