"""The web application: pages for people and an API for programs, over the same services as the shell."""

from __future__ import annotations

from incentives.web.app import create_app

__all__ = ["create_app"]
