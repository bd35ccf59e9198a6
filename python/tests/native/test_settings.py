"""What settings there are, as the module lists them and the README does."""

import json
from pathlib import Path

from mngr_docker import describe, host_settings

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_settings_of_the_host_are_described_as_those_of_the_plugin() -> None:
    settings = {setting["key"]: setting for setting in host_settings()}
    timeout = settings["engine_timeout_seconds"]
    assert (timeout["kind"], timeout["default"]) == ("number", 30)
    assert (settings["backend"]["default"], settings["host"]["default"]) == ("docker", None)
    assert all(setting["help"] for setting in settings.values())
    assert {frozenset(setting) for setting in settings.values()} == {frozenset(describe()["settings"][0])}


def test_no_setting_is_both_the_hosts_and_the_plugins() -> None:
    ours = {setting["key"] for setting in host_settings()}
    assert ours.isdisjoint(setting["key"] for setting in describe()["settings"])


def test_the_readme_has_every_setting_of_the_plugin_with_its_default() -> None:
    rows = {}
    for line in README.read_text().splitlines():
        cells = line.split(" | ")
        if line.startswith("| `") and len(cells) == 3:
            rows |= dict.fromkeys(cells[0].strip("| `").split("`, `"), cells[1])
    for setting in describe()["settings"]:
        # What mngr alone reads is not listed one by one.
        if setting["help"].startswith("Read by mngr itself"):
            continue
        default = setting["default"]
        written = rows[setting["key"]]
        if default is not None:
            shown = default if isinstance(default, str) else json.dumps(default)
            assert written == f"`{shown}`", setting["key"]
