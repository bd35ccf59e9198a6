"""The settings that mngr reads are those that plugin and host know, and reach them as they were given."""

import pytest
from imbue.mngr.config.data_types import ProviderInstanceConfig
from pydantic import ValidationError

from mngr_docker import describe, host_settings
from mngr_docker.config import DockerProviderConfig

# What mngr itself gives the plugin.
_OF_MNGR = {"container_prefix"}
# A value of each kind that a setting of the host can be of.
_VALUES = {
    "text": "a",
    "path": "/srv/a",
    "boolean": True,
    "number": 2.5,
    "table": {"a": "b"},
    "path_or_boolean": False,
}


def _keys(settings: list) -> set[str]:
    return {setting["key"] for setting in settings}


def test_mngrs_configuration_has_the_settings_of_the_plugin_and_the_host_and_no_others() -> None:
    known = _keys(describe()["settings"]) - _OF_MNGR | _keys(host_settings())
    assert set(DockerProviderConfig.model_fields) == known


@pytest.mark.parametrize("setting", host_settings(), ids=lambda setting: setting["key"])
def test_a_setting_of_the_host_takes_what_the_host_does_and_reaches_it(setting: dict[str, object]) -> None:
    value = _VALUES[setting["kind"]]
    config = DockerProviderConfig.model_validate({setting["key"]: value})
    # mngr chooses by the backend's name, and hands the plugin over beside the settings.
    if setting["key"] in {"backend", "plugin"}:
        assert getattr(config, setting["key"]) == value
    else:
        assert config.settings("mngr-")[setting["key"]] == value


def test_only_what_was_given_reaches_the_plugin_with_mngrs_prefix() -> None:
    config = DockerProviderConfig(default_memory="1g", ssh_bind_address="127.0.0.1", default_cpus=None)
    assert config.settings("mngr-") == {
        "container_prefix": "mngr-",
        "default_memory": "1g",
        "ssh_bind_address": "127.0.0.1",
    }
    assert config.settings("work")["container_prefix"] == "work-"


def test_an_unknown_key_and_a_wrong_type_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="default_imge"):
        DockerProviderConfig(default_imge="x")
    with pytest.raises(ValidationError, match="default_idle_timeout"):
        DockerProviderConfig(default_idle_timeout="soon")
    assert issubclass(DockerProviderConfig, ProviderInstanceConfig)
