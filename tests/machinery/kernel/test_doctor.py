"""The doctor: each trouble is found, named, and comes with what to do about it."""

import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lecture_utils import runtime
from lecture_utils.kernel import doctor


def statuses(findings: list[doctor.Finding]) -> list[str]:
    return [finding.status for finding in findings]


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10, 9), "problem"), ((3, 11, 0), "good"), ((3, 13, 2), "good"), ((3, 15, 0), "note")],
)
def test_python(version: tuple[int, ...], status: str) -> None:
    finding = doctor.check_python(version)
    assert finding.status == status and bool(finding.advice) == (status != "good")


def test_pins_obey_their_markers(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(
        "a-b==1 ; python_full_version < '3'\na_B==2 ; python_full_version >= '3'\n\n# x\nc==3.1\n"
    )
    assert doctor.read_pins(path) == {"a-b": "2", "c": "3.1"}


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {"good": "2.1+cu130", "older": "1.0", "other": "3.1"}

    def version(name: str) -> str:
        if name not in have:
            raise doctor.metadata.PackageNotFoundError(name)
        return have[name]

    wanted = ["good>=2", "older>=1.5", "other>=3", "gone>=1", "not-here>=1; extra == 'dev'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: wanted)
    monkeypatch.setattr(doctor.metadata, "version", version)
    found = {f.what: f for f in doctor.check_packages({"good": "2.1", "older": "1.9", "other": "3.2"})}
    assert {name: finding.status for name, finding in found.items()} == {
        "older": "problem",
        "other": "note",
        "gone": "problem",
    }
    assert "wanted >=1.5" in found["older"].found and "make lab" in found["gone"].advice


def test_packages_as_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["packaging>=1"])
    pinned = {"packaging": doctor.metadata.version("packaging")}
    assert statuses(list(doctor.check_packages(pinned))) == ["good"]


def test_a_course_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> None:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    assert statuses(list(doctor.check_packages({}))) == ["problem"]


def test_device_names_what_torch_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    assert doctor.check_device().status == "good"
    monkeypatch.setattr(doctor.shutil, "which", lambda _: "nvidia-smi")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=0))
    finding = doctor.check_device()
    assert finding.status == "note" and "driver" in finding.advice


@pytest.mark.parametrize(("gigabytes", "status"), [(1.2, "note"), (7.0, "good")])
def test_memory(gigabytes: float, status: str) -> None:
    assert doctor.check_memory(gigabytes * 1e9).status == status


@pytest.mark.parametrize(("gigabytes", "status"), [(0.05, "problem"), (1.0, "note"), (30.0, "good")])
def test_disk(gigabytes: float, status: str) -> None:
    assert doctor.check_disk(gigabytes * 1e9).status == status


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an assets folder with one weight file as its card says."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(runtime, "ASSETS", tmp_path)
    (folder / "net.safetensors").write_bytes(b"weights")
    card = {
        "name": "net",
        "recipe": "net",
        "seed": 0,
        "steps": 1,
        "device": "cpu",
        "seconds": 1.0,
        "metrics": {},
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "torch": "2.11",
    }
    (folder / "net.json").write_text(json.dumps(card))
    return folder


def test_whole_weights(weights: Path) -> None:
    assert statuses(list(doctor.check_weights())) == ["good"]


@pytest.mark.parametrize("damage", ["changed", "missing", "card"])
def test_damaged_weights(weights: Path, damage: str) -> None:
    if damage == "changed":
        (weights / "net.safetensors").write_bytes(b"weightz")
    elif damage == "missing":
        (weights / "net.safetensors").unlink()
    else:
        (weights / "net.json").write_text("{")
    (finding,) = doctor.check_weights()
    assert finding.status == "problem" and "make weights NAME=net" in finding.advice


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "mine"))
    assert statuses(list(doctor.check_folders())) == ["good", "good"]
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "a file" / "below"))
    mine, _ = doctor.check_folders()
    assert mine.status == "note" and "COURSE_HOME" in mine.advice


def test_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor.Path, "home", lambda: tmp_path)
    assert doctor.check_chromium().status == "note"
    own = tmp_path / ".cache" / "ms-playwright" / "chromium-1" / "chrome-linux" / "chrome"
    own.parent.mkdir(parents=True)
    own.write_text("")
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    assert doctor.find_chromium() == str(own)


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> doctor.Finding:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "CHECKS", [broken, doctor.check_python])
    assert statuses(doctor.examine()) == ["problem", "good"]


def test_the_report_shows_advice_and_fails_only_on_problems(capsys: pytest.CaptureFixture[str]) -> None:
    good = doctor.Finding("Python", "good", "3.12")
    note = doctor.Finding("Chromium", "note", "not found", "Only make test needs it.")
    bad = doctor.Finding("torch", "problem", "missing [x]", "Run make lab.")
    assert doctor.report([good, note]) == 0
    assert "Only make test needs it." in capsys.readouterr().out
    assert doctor.report([good, bad]) == 1
    out = capsys.readouterr().out
    assert "missing [x]" in out and "Run make lab." in out and "1 in the way" in out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    mine, _ = doctor.check_folders()
    assert mine.status == "note"
