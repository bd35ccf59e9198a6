"""What the tests of mngr itself stand on: images, and worlds to run mngr in. `venvs.py` says which mngr it is."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import engine
from .venvs import backend, venv_of
from .world import World


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peer_fails(reason): the peer does not do this, for the reason given")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expects of the peer that it fails where it is known to."""
    for item in items:
        mark = item.get_closest_marker("peer_fails")
        if mark is not None and backend() == "peer":
            item.add_marker(pytest.mark.xfail(reason=mark.args[0], strict=True))


@pytest.fixture(scope="session")
def host_image() -> str:
    """An image that has what mngr needs of a host."""
    for image in (engine.HOST_IMAGE, engine.BUSYBOX_IMAGE):
        if not engine.has_image(image):
            pytest.fail(f"the engine has no image {image}: run `cargo xtask setup`")
    return engine.HOST_IMAGE


@pytest.fixture(scope="session")
def state_container_image() -> Iterator[None]:
    """The image that the peer makes its state container from, there for as long as any run of tests uses the peer."""
    wanted = "alpine:latest"
    lock = Path(tempfile.gettempdir()) / "mngr-test-state-container-image"
    with lock.open("a+") as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        if not engine.has_image(wanted):
            engine.docker("tag", engine.BUSYBOX_IMAGE, wanted)
            used.write("made\n")
            used.flush()
        fcntl.flock(used, fcntl.LOCK_SH)
        yield
        try:
            fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # Another run of tests uses it still, and removes it.
        used.seek(0)
        if used.read():
            used.truncate(0)
            engine.docker("rmi", "--no-prune", wanted)


@pytest.fixture(scope="module")
def new_world(
    tmp_path_factory: pytest.TempPathFactory, host_image: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., World]]:
    """Makes worlds, and removes at the end what they have on the engine."""
    worlds: list[World] = []

    def make(whose: str | None = None, **settings: object) -> World:
        whose = whose or backend()
        if whose == "peer":
            request.getfixturevalue("state_container_image")
            settings.setdefault("isolate_host_volumes", False)
        root = tmp_path_factory.mktemp("world")
        worlds.append(World(root, venv_of(whose), dict(settings), builds_images=whose == "peer"))
        return worlds[-1]

    yield make
    for world in worlds:
        world.clean_up()
        shutil.rmtree(world.root, ignore_errors=True)


@pytest.fixture(scope="module")
def world(new_world: Callable[..., World]) -> World:
    """The module's own mngr."""
    return new_world()
