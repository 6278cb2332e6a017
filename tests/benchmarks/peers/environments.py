"""A virtual environment for each peer, apart from the project's: none of them is a dependency."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = {
    "evidently": ("evidently==0.7.*", "pandas<3"),
    "nannyml": (
        "nannyml==0.13.*",
        "pandas<3",
        "statsmodels",
        "scikit-learn<1.5",
        "category-encoders<2.7",
        "setuptools<80",
    ),
    "alibi-detect": ("alibi-detect==0.13.*",),
}
"""What makes each import; newer pandas and scikit-learn break the first two."""


class InstallError(RuntimeError):
    """The environment could not be made; the message ends with what uv said."""


def python_for(subject: str, cache: Path) -> Path:
    """The interpreter a subject runs in: made (or found ready in `cache`) for a peer, else the one running now."""
    return _made(subject, PEERS[subject], cache) if subject in PEERS else Path(sys.executable)


def installed(name: str, packages: tuple[str, ...], cache: Path) -> Path:
    """Where files of some packages lie that are wanted for their data alone: installed without what they depend on."""
    python = _made(name, packages, cache, "--no-deps")
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def _made(name: str, wanted: tuple[str, ...], cache: Path, *options: str) -> Path:
    place = cache / f"environment-{name}"
    python = place / "bin" / "python"
    ready = place / "ready.txt"
    if ready.exists() and ready.read_text() == "\n".join(wanted):
        return python
    shutil.rmtree(place, ignore_errors=True)
    _uv("venv", "--quiet", "--python", "3.11", str(place))
    _uv("pip", "install", "--quiet", *options, "--python", str(python), *wanted)
    ready.write_text("\n".join(wanted))
    return python


def _uv(*words: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise InstallError("uv is not on the PATH; start this with `uv run`.")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run([uv, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"uv {' '.join(words[:2])} failed: {done.stderr.strip()[-600:]}")
