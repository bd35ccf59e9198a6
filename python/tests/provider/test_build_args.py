"""The arguments of `docker build` in the parts that the provider takes."""

from pathlib import Path

import pytest
from imbue.mngr.errors import UserInputError

from mngr_docker.build import split_build_args
from mngr_docker.config import DockerProviderConfig


def test_the_context_is_told_from_flags_and_their_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    arguments = ["--build-arg", "A=1", "-f", "Dockerfile", ".", "--no-cache", "--target=last"]
    context, flags = split_build_args(arguments, DockerProviderConfig())
    assert context == Path(".")
    assert flags == ["--build-arg=A=1", f"-f={tmp_path}/Dockerfile", "--no-cache", "--target=last"]


@pytest.mark.parametrize("file", [["--file", "F"], ["--file=F"], ["-f", "F"], ["-fF"], ["-f=F"]])
def test_a_dockerfile_is_named_from_here_in_every_spelling(
    file: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "F").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    _, [flag] = split_build_args([*file, "."], DockerProviderConfig())
    assert flag.partition("=")[2] == f"{tmp_path}/F"


def test_what_cannot_be_read_passes_on_as_it_is() -> None:
    arguments = ["--nonesuch=a=b", "-x=1", "--no-cache=false", "--target"]
    assert split_build_args([".", *arguments], DockerProviderConfig()) == (Path("."), arguments)


def test_a_flag_and_its_value_may_stand_in_one_argument() -> None:
    arguments = ["--build-arg A=b c", '--label=p={"x": 1}', ".", "--no-cache"]
    assert split_build_args(arguments, DockerProviderConfig()) == (
        Path("."),
        ["--build-arg=A=b c", '--label=p={"x": 1}', "--no-cache"],
    )


@pytest.mark.parametrize("arguments", [["--no-cache"], ["a", "b"], [".", "-"]])
def test_none_and_two_contexts_are_refused_with_an_example(arguments: list[str]) -> None:
    with pytest.raises(UserInputError, match=r"-b --file=Dockerfile -b \."):
        split_build_args(arguments, DockerProviderConfig())


def test_another_builder_is_refused() -> None:
    with pytest.raises(UserInputError, match="DEPOT"):
        split_build_args(["."], DockerProviderConfig(builder="DEPOT"))
