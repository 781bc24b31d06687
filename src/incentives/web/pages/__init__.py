"""The pages: one blueprint per noun."""

from __future__ import annotations

from flask import Flask

from incentives.web.pages import home, jobs

BLUEPRINTS = (home.blueprint, jobs.blueprint)


def set_up(app: Flask) -> None:
    """Every page."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
