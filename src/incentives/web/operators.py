"""For whoever runs the service: whether it lives, whether it is ready, and how much it does.

Nothing here tells of pay, people or what was asked for: routes by their rule, jobs and messages by their number.
"""

from __future__ import annotations

import atexit
import datetime as dt
import hmac
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, request
from sqlalchemy import func, select

from incentives.jobs import desk as jobs
from incentives.store import desk
from incentives.store.upgrade import StoreNotReady, check_ready
from incentives.web.errors import answer
from incentives.web.here import books, reader
from incentives.web.policy import public

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one server count together; the first of them makes a folder and removes it in the end."""
GUARDS_SECONDS = 60


def set_up(app: Flask) -> None:
    """Count requests, and answer at /healthz, /readyz and /metrics."""
    counted = _counted()
    app.before_request(_began)
    app.after_request(lambda answered: _count(counted, answered))
    app.add_url_rule("/healthz", "operators.healthz", healthz)
    app.add_url_rule("/readyz", "operators.readyz", readyz)
    app.add_url_rule("/metrics", "operators.metrics", metrics)


def _began() -> None:
    g.began = time.perf_counter()


def seconds() -> float:
    """How long this request has taken so far."""
    return time.perf_counter() - float(g.get("began", time.perf_counter()))


def route() -> str:
    """The rule of this request's route: never the path, which has ids in it."""
    return str(request.url_rule) if request.url_rule else "none"


# Alive, ready ----------------------------------------------------------------------------------------


@public
def healthz() -> Response:
    """This process answers."""
    return Response("ok\n", mimetype="text/plain")


@public
def readyz() -> Response:
    """Whether the books can be worked with: 503 where not. How long the oldest job has waited is said beside."""
    try:
        _is_guarded(books().url.render_as_string(), int(time.monotonic() // GUARDS_SECONDS))
        waiting, oldest = _queue()
    except StoreNotReady:
        state, status = {"books": "not ready"}, 503
        return _plain(state, status)
    return _plain({"books": "ready", "jobs_waiting": waiting, "oldest_job_seconds": oldest}, 200)


def _plain(state: dict[str, Any], status: int) -> Response:
    answered = jsonify(state)
    answered.status_code = status
    return answered


@lru_cache(maxsize=4)
def _is_guarded(url: str, minute: int) -> None:
    """The guards are looked at once a minute: it takes longer than a probe should."""
    check_ready(books())


def _queue() -> tuple[int, int]:
    """How many jobs wait, and for how many seconds the oldest has."""
    job = desk.Job
    asked = select(func.count(), func.min(job.made_at)).where(job.state == "waiting")
    number, first = reader().execute(asked).one()
    if not number:
        return 0, 0
    return int(number), int((dt.datetime.now(dt.UTC) - first).total_seconds())


# How much --------------------------------------------------------------------------------------------


class _Counted:
    """What is counted of requests, together by all processes of a server."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram  # after the folder is known

        self.requests = Counter("incentives_requests", "Requests answered", ("method", "route", "status"))
        self.seconds = Histogram("incentives_request_seconds", "How long answers took", ("route",))


_making = threading.Lock()
_made: list[_Counted] = []


def _counted() -> _Counted:
    """Made once in a process; a server's further processes are its children and share the folder."""
    with _making:
        if not _made:
            count_together()
            _made.append(_Counted())
        return _made[0]


def count_together() -> None:
    """Have this process and its children count in one folder: a server says so before it has any."""
    if FOLDER not in os.environ:
        folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="incentives-metrics-")
        atexit.register(_remove, folder, os.getpid())


def leave_nothing() -> None:
    """Remove the folder now: this process becomes another program, which makes its own."""
    if FOLDER in os.environ:
        shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def _remove(folder: str, made_by: int) -> None:
    if os.getpid() == made_by:
        shutil.rmtree(folder, ignore_errors=True)


def _count(counted: _Counted, answered: Response) -> Response:
    counted.requests.labels(request.method, route(), str(answered.status_code)).inc()
    counted.seconds.labels(route()).observe(seconds())
    return answered


@public
def metrics() -> Response:
    """For Prometheus: to who is on this machine, or shows the token that an operator chose."""
    if not _may_read():
        return answer(404)
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_OfTheStore())
    return Response(generate_latest(registry), mimetype="text/plain", content_type="text/plain; version=0.0.4")


def _may_read() -> bool:
    token: str = current_app.extensions["settings"].metrics_token
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    came_through_proxy = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.remote_addr in ("127.0.0.1", "::1") and not came_through_proxy


class _OfTheStore:
    """What stands in the store while it is asked for: jobs, and messages to other systems."""

    def collect(self) -> Iterator[Any]:
        """The gauges."""
        from prometheus_client.core import GaugeMetricFamily

        number, oldest = _queue()
        gauge = GaugeMetricFamily("incentives_jobs", "Jobs by state", labels=["state"])
        under_way = len(jobs.under_way(books()))
        gauge.add_metric(["waiting"], number)
        gauge.add_metric(["running"], under_way)
        yield gauge
        yield GaugeMetricFamily(
            "incentives_oldest_job_seconds", "How long the oldest job has waited", value=oldest
        )
        gauge = GaugeMetricFamily("incentives_messages", "Messages to other systems, by state", labels=["state"])
        call = desk.HookCall
        asked = select(call.state, func.count()).where(call.state != "taken").group_by(call.state)
        found = {state: int(count) for state, count in reader().execute(asked)}
        for state in ("waiting", "given up"):
            gauge.add_metric([state], found.get(state, 0))
        yield gauge
