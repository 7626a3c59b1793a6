"""The one environment in which notebooks are built and validated: fixed settings, no network."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "COURSE_STATIC": "1",
    "COURSE_GPU": "off",
    "COURSE_BUDGET": "quick",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "COLUMNS": "100",
    "TZ": "UTC",
}
REMOVED = ("COURSE_DOWNLOAD", "JPY_SESSION_NAME", "FORCE_COLOR", "PYTHONWARNINGS", "PYTHONSTARTUP")
STARTUP = """\
def _block():
    from importlib.util import module_from_spec, spec_from_file_location
    spec = spec_from_file_location("course_offline", {path!r})
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.block()
_block()
del _block
"""


def fixed_environment(folder: Path, *, offline: bool = True) -> dict[str, str]:
    """Return a kernel's environment variables; what they point to is made inside `folder`.

    The learner's progress, the download caches of torch and Hugging Face, and IPython's profile all lie in
    the folder, so that a run neither sees nor changes what this machine has. With `offline`, Python's sockets
    reach this machine only.
    """
    environment = {name: value for name, value in os.environ.items() if name not in REMOVED}
    environment |= FIXED
    folders = {
        "COURSE_HOME": "course",
        "TORCH_HOME": "torch",
        "HF_HOME": "huggingface",
        "IPYTHONDIR": "ipython",
    }
    for variable, name in folders.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        environment[variable] = str(folder / name)
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    if offline:
        block = STARTUP.format(path=str(Path(__file__).with_name("offline.py")))
        (startup / "00-offline.py").write_text(block, encoding="utf-8")
    return environment
