"""One list of packages: environment.yml and the lock draw on pyproject.toml and constraints.txt."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip()]


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    entries = [
        Requirement(text)
        for text in (*PROJECT["dependencies"], *extras["dev"], *extras["hub"], *extras["ray"])
    ]
    return [entry for entry in entries if entry.name != PROJECT["name"]]  # `dev` takes our own `hub` along


def environment() -> tuple[list[str], list[str]]:
    """Return the conda entries and the pip entries of environment.yml."""
    table = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in table["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in table["dependencies"] if isinstance(entry, dict)]
    return conda, pip


def test_conda_entries_are_specs_and_name_no_package_of_the_course() -> None:
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")
    conda, _ = environment()
    specs = {rattler.MatchSpec(entry, strict=True).name.normalized for entry in conda}
    assert specs == {"python", "pip"}


def test_conda_s_python_is_one_that_the_course_allows() -> None:
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")
    conda, _ = environment()
    (spec,) = [rattler.MatchSpec(entry) for entry in conda if entry.startswith("python")]
    assert str(spec.version).removesuffix(".*").lstrip("=") in ("3.11", "3.12", "3.13")


def test_pip_entries_are_this_folder_and_its_pins() -> None:
    _, pip = environment()
    assert pip == ["-c constraints.txt", "-e ."]
    assert (ROOT / "constraints.txt").is_file() and (ROOT / "pyproject.toml").is_file()


def test_repo2docker_finds_environment_yml_first() -> None:
    """It prefers binder/ to the root, and would read these files beside or instead of environment.yml."""
    for name in ("binder", ".binder", "requirements.txt", "Pipfile", "setup.py", "Dockerfile", "runtime.txt"):
        assert not (ROOT / name).exists()


def test_every_package_is_pinned_for_every_system() -> None:
    for entry in declared():
        for platform, system in SYSTEMS.items():
            for python in ("3.11", "3.12", "3.13"):
                marked = {
                    "sys_platform": platform,
                    "platform_system": system,
                    "os_name": "nt" if platform == "win32" else "posix",
                    "platform_machine": "arm64" if platform == "darwin" else "x86_64",
                    "python_version": python,
                    "python_full_version": f"{python}.5",
                }
                found = [
                    pin
                    for pin in pins()
                    if canonicalize_name(pin.name) == canonicalize_name(entry.name)
                    and (pin.marker is None or pin.marker.evaluate(marked))
                ]
                assert len(found) == 1, (entry.name, platform, python)
                (version,) = [bound.version for bound in found[0].specifier]
                assert entry.specifier.contains(version, prereleases=True)


def test_the_lock_pins_versions_and_names_no_index() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text and "--" not in text and " @ " not in text
    for pin in pins():
        assert [bound.operator for bound in pin.specifier] == ["=="], pin
        assert "+" not in str(pin.specifier), f"{pin}: the ordinary build, which also runs on a GPU"


def test_what_the_code_imports_is_declared() -> None:
    """A package that only comes along with another may be gone tomorrow."""
    names = {"sklearn": "scikit-learn", "skimage": "scikit-image", "PIL": "pillow", "yaml": "pyyaml"}
    names |= {"IPython": "ipython", "rattler": "py-rattler", "importlinter": "import-linter"}
    core = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    optional = {canonicalize_name(Requirement(text).name) for text in (*extras["hub"], *extras["ray"])}
    found = set()
    for path in (ROOT / "lecture_utils").rglob("*.py"):
        for name in re.findall(
            r"^\s*(?:import|from)\s+(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found.add(name)
    third = {names.get(name, name) for name in found if name not in sys.stdlib_module_names}
    third -= {"lecture_utils"}
    installed = {name for name in third if _is_package(name)}
    assert {canonicalize_name(name) for name in installed} <= core | optional


def _is_package(name: str) -> bool:
    """Whether the name belongs to an installed distribution (prose can look like an import)."""
    from importlib import metadata

    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
