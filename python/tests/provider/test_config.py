"""The settings that mngr reads are those that the plugin knows, and reach it as they were given."""

import pytest
from imbue.mngr.config.data_types import ProviderInstanceConfig
from pydantic import ValidationError

from mngr_docker import describe
from mngr_docker.config import DockerProviderConfig

# What the host keeps for itself; the plugin knows their names and no more.
_OF_THE_HOST = {
    "host",
    "docker_context",
    "identity_file",
    "known_hosts_file",
    "ssh_config_file",
    "ssh_options",
    "tls_directory",
    "allow_native",
    "policy",
    "permissions",
    "audit_log",
    "plugin_limits",
    "engine_timeout_seconds",
}
# What mngr itself gives the plugin.
_OF_MNGR = {"container_prefix"}


def test_every_setting_of_the_plugin_can_be_written_in_mngrs_configuration() -> None:
    known = {setting["key"] for setting in describe()["settings"]}
    assert known - _OF_MNGR <= set(DockerProviderConfig.model_fields)


def test_every_key_of_mngrs_configuration_is_known_to_the_plugin_or_the_host() -> None:
    known = {setting["key"] for setting in describe()["settings"]} | _OF_THE_HOST
    keys = set(DockerProviderConfig.model_fields) - {"backend", "plugin", "is_enabled"}
    assert keys <= known


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
