import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
pytest.register_assert_rewrite("harness")

from harness.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture
def needs():
    """Says which programs a test needs: without one it is skipped, but fails in CI."""

    def needs(*tools):
        missing = [tool for tool in tools if not shutil.which(tool)]
        if missing:
            unavailable(f"{' and '.join(missing)} not installed")

    return needs


def unavailable(reason):
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory):
    """Where what takes long to make is kept between runs."""
    folder = os.environ.get("SALLYPORT_BUILD_FOLDER")
    kept = Path(folder) / "test-clients" if folder else tmp_path_factory.mktemp("clients")
    kept.mkdir(parents=True, exist_ok=True)
    return kept
