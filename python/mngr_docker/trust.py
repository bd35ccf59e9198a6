"""Settings of a project's directory, which may be somebody else's repository, wait until its user trusts them.

mngr lays the two settings files of a project's directory over the user's own. What a stranger could do with a
provider's table there (run code, write a file, pick a key or a machine, widen rights) is refused until the user says
that the file is trusted. `mngr-docker trust` and `mngr docker trust` say so alike.
"""

import os
from pathlib import Path

from imbue.mngr.config.data_types import MngrContext
from imbue.mngr.config.host_dir import read_root_name
from imbue.mngr.config.pre_readers import (
    derive_project_config_dir,
    get_local_config_path,
    get_project_config_path,
)
from imbue.mngr.errors import ConfigError
from imbue.mngr.primitives import ProviderInstanceName

from mngr_docker import _native
from mngr_docker.plugin import backend_name

# The user's word for where a project's settings are; mngr reads no others then.
_NAMED = "MNGR_PROJECT_CONFIG_DIR"


def files_of_project(mngr_ctx: MngrContext) -> list[Path]:
    """The settings files that mngr has read only because of the directory that it was started in."""
    if os.environ.get(_NAMED):
        return []
    directory = derive_project_config_dir(read_root_name(), mngr_ctx.project_root)
    if directory is None:
        return []
    return [get_project_config_path(directory), get_local_config_path(directory)]


def check_project(name: ProviderInstanceName, mngr_ctx: MngrContext) -> None:
    """Refuses a provider of which the project's directory says what its user does not trust it with."""
    for file in files_of_project(mngr_ctx):
        remedy = f"look at {file}, then run `mngr {backend_name()} trust {file}`"
        try:
            _native.check_trust(file, str(name), remedy)
        except _native.ProviderError as error:
            raise ConfigError(str(error)) from error
