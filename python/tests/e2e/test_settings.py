"""Settings as they are written for mngr's own Docker provider."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import engine
from .venvs import backend, venv_of
from .world import World


@pytest.fixture
def new_docker_world(tmp_path: Path, host_image: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], World]]:
    """Makes worlds whose provider has the name `docker`, as everybody's has: only the prefix sets them apart."""
    if backend() == "peer":
        request.getfixturevalue("state_container_image")
    worlds: list[World] = []

    def make() -> World:
        prefix = f"e2e{secrets.token_hex(4)}-"
        worlds.append(World(tmp_path / prefix, venv_of(backend()), provider="docker", prefix=prefix))
        worlds[-1].write_settings(default_image=None)
        return worlds[-1]

    yield make
    for world in worlds:
        engine.remove_prefix(world.prefix)


def test_an_agent_at_docker_is_made_from_a_dockerfile_and_seen_only_where_the_prefix_is_the_same(
    new_docker_world: Callable[[], World],
) -> None:
    world, other = new_docker_world(), new_docker_world()
    world.mngr(
        "create", "p1@.docker", "--type", "command", "--no-connect", *world.build_arguments(), "--", "sleep", "60"
    )
    listed = world.agent("p1")
    assert listed["host"]["provider_name"] == "docker"
    assert listed["host"]["state"] == "RUNNING"
    assert "p1" not in other.agents()
    assert listed["host"]["name"] not in other.host_records()
    world.mngr("destroy", "p1", "--force", "--no-gc")
    assert world.host_records()[listed["host"]["name"]]["state"] == "DESTROYED"
    assert listed["host"]["name"] not in other.host_records()


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
