"""The pages: one blueprint per noun."""

from __future__ import annotations

from flask import Flask

from incentives.web.pages import (
    account,
    audit,
    compare,
    customers,
    home,
    hooks,
    imports,
    invoices,
    jobs,
    month,
    my_pay,
    notices,
    payroll,
    people,
    plans,
    questions,
    statements,
    team,
    together,
)

BLUEPRINTS = (
    home.blueprint,
    jobs.blueprint,
    people.blueprint,
    account.blueprint,
    notices.blueprint,
    hooks.blueprint,
    plans.blueprint,
    month.blueprint,
    imports.blueprint,
    questions.blueprint,
    payroll.blueprint,
    audit.blueprint,
    together.blueprint,
    customers.blueprint,
    invoices.blueprint,
    my_pay.blueprint,
    statements.blueprint,
    team.blueprint,
    compare.blueprint,
)


def set_up(app: Flask) -> None:
    """Every page."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
