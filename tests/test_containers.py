"""Dockerfile and compose.yaml are true: every command, variable, port, path and package in them exists here."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from incentives.cli import main
from incentives.service import seals
from incentives.store import engine as store
from incentives.store import upgrade
from incentives.web import settings

HOME = Path(__file__).parent.parent
DOCKERFILE = (HOME / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "compose.yaml").read_text(encoding="utf-8"))
OPERATIONS = (HOME / "docs" / "operations.md").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("service", "worker", "upgrade")


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2] for line in joined.splitlines() if line.startswith(f"{name} ")]


def commands() -> list[list[str]]:
    found = [yaml.safe_load(each) for each in instructions("CMD")]
    return found + [SERVICES[name]["command"] for name in OURS if "command" in SERVICES[name]]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_exists_with_its_options(command: list[str]) -> None:
    program, *words = command
    assert program == "incentives"
    found = main.commands[words.pop(0)]
    assert isinstance(found, click.Command)
    with found.make_context("incentives", list(words), resilient_parsing=True) as context:
        assert context.args == []


def test_every_variable_is_one_that_the_program_reads() -> None:
    modules = (store, seals, upgrade, settings)
    read = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    named = {name for service in OURS for name in SERVICES[service]["environment"] if name != "TMPDIR"}
    assert len(named) >= 6
    assert named <= read


def test_every_variable_is_in_the_operators_page() -> None:
    read = [v for v in vars(settings).values() if isinstance(v, str) and re.fullmatch(r"INCENTIVES_[A-Z_]+", v)]
    assert len(read) >= 5
    assert [name for name in read if f"`{name}`" not in OPERATIONS] == []


def test_the_port_is_the_same_everywhere() -> None:
    (exposed,) = instructions("EXPOSE")
    (published,) = SERVICES["service"]["ports"]
    assert published.endswith(f":{exposed}")
    (served,) = [each for each in commands() if each[1] == "serve"]
    assert served[served.index("--port") + 1] == exposed
    assert f":{exposed}/healthz" in instructions("HEALTHCHECK")[0]


def test_the_probe_of_the_image_asks_for_a_route_there_is(story_app: Any) -> None:
    paths = re.findall(r"127\.0\.0\.1:\d+(/\w+)", instructions("HEALTHCHECK")[0])
    assert paths == ["/healthz"]
    assert story_app.test_client().get(paths[0]).status_code == 200


def test_every_path_that_is_copied_exists() -> None:
    sources = [word for each in instructions("COPY") for word in shlex.split(each)[:-1]]
    assert len(sources) > 5
    assert [each for each in sources if not (HOME / each).exists()] == []
    assert {"migrations", "sample_data", "templates", "src"} <= set(sources)


def test_the_image_has_what_the_paper_needs() -> None:
    needs = runpy.run_path(str(HOME / "scripts" / "system_packages"))["NEEDS"]["pdf"]
    assert len(needs) >= 3
    assert [need.debian for need in needs if need.debian not in DOCKERFILE] == []


def test_the_service_is_not_the_owner_and_both_secrets_have_to_be_given() -> None:
    environment = SERVICES["service"]["environment"]
    assert "//incentives_app:" in environment["INCENTIVES_DATABASE_URL"]
    assert "//incentives_owner:" in SERVICES["upgrade"]["environment"]["INCENTIVES_DATABASE_URL"]
    assert SERVICES["upgrade"]["environment"]["INCENTIVES_APP_ROLE"] == "incentives_app"
    assert "CREATE ROLE incentives_app" in COMPOSE["configs"]["roles"]["content"]
    for secret in ("APP_PASSWORD", "OWNER_PASSWORD", "SECRET_KEY"):
        uses = re.findall(rf"(?<!\$)\$\{{{secret}[^}}]*\}}", (HOME / "compose.yaml").read_text(encoding="utf-8"))
        assert uses and all(use.endswith(":?}") for use in uses)


def test_service_and_worker_share_what_they_hand_over() -> None:
    for key in ("environment", "volumes", "build"):
        assert SERVICES["service"][key] == SERVICES["worker"][key]
    (kept,) = SERVICES["service"]["volumes"]
    folder = kept.split(":")[1]
    assert SERVICES["service"]["environment"]["TMPDIR"] == folder
    assert SERVICES["service"]["environment"]["INCENTIVES_SEALS"].startswith(f"{folder}/")


def test_every_volume_and_config_that_is_used_is_declared() -> None:
    used = {each.split(":")[0] for service in SERVICES.values() for each in service.get("volumes", ())}
    assert used == set(COMPOSE["volumes"])
    assert {each["source"] for each in SERVICES["db"]["configs"]} == set(COMPOSE["configs"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
