"""The right fault is named first, and none on clean windows, on three real tables (seeded)."""

import pytest

from tests.suites.faults.score import score
from tests.suites.faults.tables import read

FAULTS, CLEAN = 110, 100


@pytest.mark.parametrize("name", ["flights", "health", "housing"])
def test_the_right_fault_is_named_first_and_none_on_clean_windows(name):
    found = score(read(name), seed=20261124, faults=FAULTS, clean=CLEAN)
    print(found)
    assert found.tried >= 67, found
    assert found.named >= 0.9, found
    assert found.quiet >= 0.98, found
