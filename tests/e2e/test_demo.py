"""`muster demo --headless` as a newcomer runs it: exit status 0 only if every stage really happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_plays_from_the_fault_to_the_postmortem(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "MUSTER_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bot.entrypoints", "demo", "--headless"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert done.stdout.count("✔ ") >= 14
    assert "p95 latency of arrival-delay is" in done.stdout
    assert "looks 60 times too large at origin=EWR" in done.stdout
    written = (tmp_path / "muster-demo" / "INC-1.md").read_text()
    for heading in ("## Summary", "## Impact", "## Detection", "## Timeline", "## What we change", "## Metrics"):
        assert heading in written
    assert "Validate units where flights are taken in" in written
    assert "flights-etl 4.2 deployed" in written
