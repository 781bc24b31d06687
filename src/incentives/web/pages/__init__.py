"""The pages: one blueprint per noun."""

from __future__ import annotations

from flask import Flask

from incentives.web.pages import account, home, jobs, people, plans

BLUEPRINTS = (
    home.blueprint,
    jobs.blueprint,
    people.blueprint,
    account.blueprint,
    plans.blueprint,
)


def set_up(app: Flask) -> None:
    """Every page."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
