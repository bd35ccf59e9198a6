"""The files of a host as a volume of mngr: read and written through the engine, whether the host runs or not."""

import io
import posixpath
import tarfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from imbue.mngr.errors import MngrError
from imbue.mngr.interfaces.data_types import FileType, VolumeFile
from imbue.mngr.interfaces.volume import BaseVolume
from pydantic import Field

from mngr_docker._native import ExecResult, ProviderError, clean


class ContainerVolume(BaseVolume):
    """One directory of a container."""

    provider: Any = Field(frozen=True, description="The provider whose container it is")
    agent_id: str = Field(frozen=True, description="The provider's id of the host")
    root: str = Field(frozen=True, description="The directory in the container")

    def _at(self, path: str) -> str:
        inside = posixpath.normpath("/" + path.lstrip("/"))
        return self.root.rstrip("/") + ("" if inside == "/" else inside)

    def _archive(self, path: str) -> tarfile.TarFile:
        try:
            # A directory may be a link: what is in it is meant.
            archive = self.provider.copy_out(self.agent_id, self._at(path).rstrip("/") + "/.")
        except ProviderError:
            archive = self._out(path)
        return tarfile.open(fileobj=io.BytesIO(archive))

    def _out(self, path: str) -> bytes:
        try:
            return self.provider.copy_out(self.agent_id, self._at(path))
        except ProviderError as error:
            raise _of_python(path, error) from error

    def listdir(self, path: str) -> list[VolumeFile]:
        with self._archive(path) as archive:
            members = [(posixpath.normpath(member.name), member) for member in archive.getmembers()]
        top = next((name for name, member in members if member.isdir()), None)
        if top is None:
            raise NotADirectoryError(path)
        entries = []
        for name, member in members:
            inside = name if top == "." else posixpath.relpath(name, top)
            if inside == "." or "/" in inside:
                continue
            entries.append(
                VolumeFile(
                    path=posixpath.join(path, inside) if path.strip("/") else inside,
                    file_type=FileType.DIRECTORY if member.isdir() else FileType.FILE,
                    mtime=int(member.mtime),
                    size=member.size,
                )
            )
        return sorted(entries, key=lambda entry: entry.path)

    def path_exists(self, path: str) -> bool:
        try:
            self._out(path)
        except FileNotFoundError:
            return False
        return True

    def read_file(self, path: str) -> bytes:
        try:
            return self.provider.read_file(self.agent_id, self._at(path))
        except ProviderError as error:
            raise _of_python(path, error) from error

    def remove_file(self, path: str, *, recursive: bool = False) -> None:
        # Only a command can remove something from a container.
        flags = ["-rf"] if recursive else ["-f"]
        try:
            result = self.provider.exec(self.agent_id, ["rm", *flags, "--", self._at(path)], user="root", workdir="/")
        except ProviderError as error:
            raise _of_python(path, error) from error
        if result.exit_code != 0:
            raise MngrError(f"Could not remove {path}: {_said(result)}")

    def remove_directory(self, path: str) -> None:
        self.remove_file(path, recursive=True)

    def write_files(self, file_contents_by_path: Mapping[str, bytes]) -> None:
        try:
            # In a host that runs, nobody must see half a file; while it is stopped nobody is there to see one.
            is_running = self.provider.get(self.agent_id)["state"] == "running"
            for path, content in file_contents_by_path.items():
                at = self._at(path)
                written = posixpath.join(posixpath.dirname(at), f".{uuid4().hex}.tmp") if is_running else at
                self.provider.copy_in(self.agent_id, _packed(written, self.root, content), self.root)
                if is_running:
                    self._rename(written, at)
        except ProviderError as error:
            raise _of_python(", ".join(file_contents_by_path), error) from error

    def _rename(self, written: str, at: str) -> None:
        result = self.provider.exec(self.agent_id, ["mv", "-f", "--", written, at], user="root", workdir="/")
        if result.exit_code != 0:
            raise MngrError(f"Could not write {at}: {_said(result)}")


def _said(result: ExecResult) -> str:
    """What a command complains of."""
    return clean(result.stderr.decode(errors="replace").strip(), lines=True)


def _packed(path: str, root: str, content: bytes) -> bytes:
    """An archive of one file and of the directories that it needs below the root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for directory in _directories(path, root):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        entry = tarfile.TarInfo(posixpath.relpath(path, root))
        entry.size, entry.mode = len(content), 0o644
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _directories(path: str, root: str) -> list[str]:
    """The directories below the root that the path needs."""
    parts = posixpath.relpath(posixpath.dirname(path), root).split("/")
    return [] if parts == ["."] else ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _of_python(path: str, error: ProviderError) -> Exception:
    if error.kind == "not_found":
        return FileNotFoundError(f"{path}: {error.message}")
    return MngrError(str(error))
