"""The stub names what the module has, and nothing else."""

import ast
import inspect
from pathlib import Path

import pytest

import mngr_docker
from mngr_docker import _native

STUB = ast.parse((Path(mngr_docker.__file__).parent / "_native.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
#: What every class has of its own by Python's doing.
IMPLIED = {"__doc__", "__module__", "__repr__", "__str__"}


def own(cls: type) -> set[str]:
    return {name for name in vars(cls) if name not in IMPLIED}


def test_the_stub_has_every_name_of_the_module_and_the_reverse() -> None:
    named = {node.name for node in STUB.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    named |= {
        node.target.id for node in STUB.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    there = {name for name in dir(_native) if not name.startswith("_")} | {"__version__"}
    assert {name for name in named if not name.startswith("_") or name == "__version__"} == there
    # What compiles plugins is for a process of its own; the rest is read, asked and escaped for mngr.
    for_mngr = {"clean", "read_build_args", "check_trust", "read_settings_file", "trust_file", "revoke_trust"}
    assert there - {"compile_plugin", *for_mngr} == set(mngr_docker.__all__)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_stub_has_every_member_of_a_class_and_the_reverse(name: str) -> None:
    members = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    assert members == own(getattr(_native, name)) | ({"__new__"} & members)


@pytest.mark.parametrize("method", [node for node in CLASSES["Provider"].body if isinstance(node, ast.FunctionDef)])
def test_the_stub_has_every_argument_of_a_method(method: ast.FunctionDef) -> None:
    if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in method.decorator_list):
        return
    target = _native.Provider if method.name == "__new__" else getattr(_native.Provider, method.name)
    kinds = {
        inspect.Parameter.POSITIONAL_OR_KEYWORD: method.args.args[1:],
        inspect.Parameter.KEYWORD_ONLY: method.args.kwonlyargs,
        inspect.Parameter.VAR_KEYWORD: [method.args.kwarg] if method.args.kwarg else [],
    }
    there = [p for p in inspect.signature(target).parameters.values() if p.name != "self"]
    for kind, arguments in kinds.items():
        assert [argument.arg for argument in arguments] == [p.name for p in there if p.kind is kind]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_everything_is_documented(name: str) -> None:
    cls = getattr(_native, name)
    assert cls.__doc__
    assert all(vars(cls)[member].__doc__ for member in own(cls))
