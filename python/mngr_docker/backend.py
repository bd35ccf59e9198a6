"""The backend: what it is called and how a provider of it is opened."""

from imbue.mngr.config.data_types import MngrContext, ProviderInstanceConfig
from imbue.mngr.errors import ConfigError
from imbue.mngr.interfaces.provider_backend import ProviderBackendInterface
from imbue.mngr.interfaces.provider_instance import ProviderInstanceInterface
from imbue.mngr.primitives import ProviderBackendName, ProviderInstanceName

from mngr_docker.config import DockerProviderConfig
from mngr_docker.instance import DockerProviderInstance
from mngr_docker.plugin import BUILD_ARGS_HELP, START_ARGS_HELP, backend_name
from mngr_docker.trust import check_project


class DockerProviderBackend(ProviderBackendInterface):
    """Hosts in containers of a Docker engine, local or remote."""

    @staticmethod
    def get_name() -> ProviderBackendName:
        return ProviderBackendName(backend_name())

    @staticmethod
    def get_description() -> str:
        return "Runs agents in containers of a Docker engine, local or remote"

    @staticmethod
    def get_config_class() -> type[ProviderInstanceConfig]:
        return DockerProviderConfig

    @staticmethod
    def get_build_args_help() -> str:
        return BUILD_ARGS_HELP

    @staticmethod
    def get_start_args_help() -> str:
        return START_ARGS_HELP

    @staticmethod
    def build_provider_instance(
        name: ProviderInstanceName, config: ProviderInstanceConfig, mngr_ctx: MngrContext
    ) -> ProviderInstanceInterface:
        """Opens a provider. The engine is not asked yet, so that one that is down shows with the first call."""
        if not isinstance(config, DockerProviderConfig):
            raise ConfigError(
                f"providers.{name}: expected the settings of a Docker provider, got {type(config).__name__}"
            )
        check_project(name, mngr_ctx)
        return DockerProviderInstance(name=name, host_dir=config.data_dir(), mngr_ctx=mngr_ctx, config=config)
