"""The pages: one blueprint per noun."""

from __future__ import annotations

from flask import Flask

from incentives.web.pages import account, audit, home, imports, jobs, month, payroll, people, plans, questions

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
)


def set_up(app: Flask) -> None:
    """Every page."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
