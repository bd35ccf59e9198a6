"""Settings as they are written for mngr's own Docker provider."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from . import engine
from .venvs import backend, venv_of
from .world import World


def test_an_agent_at_docker_is_made_from_a_dockerfile(
    tmp_path: Path, host_image: str, request: pytest.FixtureRequest
) -> None:
    if backend() == "peer":
        request.getfixturevalue("state_container_image")
    world = World(tmp_path / "world", venv_of(backend()), provider="docker", prefix=f"e2e{secrets.token_hex(4)}-")
    world.write_settings(default_image=None)
    try:
        world.mngr(
            "create", "p1@.docker", "--type", "command", "--no-connect", *world.build_arguments(), "--", "sleep", "60"
        )
        listed = world.agent("p1")
        assert listed["host"]["provider_name"] == "docker"
        assert listed["host"]["state"] == "RUNNING"
        container = engine.docker("ps", "--quiet", "--no-trunc", "--filter", f"name=^/{world.prefix}").split()
        assert len(container) >= 1
        world.mngr("destroy", "p1", "--force")
    finally:
        engine.remove_prefix(world.prefix)


def test_caps_in_the_settings_are_put_on_a_new_host_and_arguments_win(new_world: Callable[..., World]) -> None:
    world = new_world(default_cpus=1, default_memory="600m")
    world.create("q1", "-s", "--memory=400m")
    limits = engine.inspect(world.container("q1-host"))["HostConfig"]
    assert (limits["NanoCpus"], limits["Memory"]) == (1_000_000_000, 400 * 1024 * 1024)


def test_a_wrong_setting_is_named(new_world: Callable[..., World]) -> None:
    world = new_world(no_such_setting=1)
    refused = world.try_mngr("list", "--provider", world.provider)
    assert refused.status != 0
    assert "no_such_setting" in refused.text
