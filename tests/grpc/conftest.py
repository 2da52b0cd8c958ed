import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
pytest.register_assert_rewrite("harness")

from harness.fixtures import *  # noqa: E402,F401,F403
