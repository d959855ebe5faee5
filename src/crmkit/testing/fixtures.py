"""Give a test the fixture ``engine``, which runs it once on every dataframe engine.

Write ``pytest_plugins = ["crmkit.testing.fixtures"]`` in a conftest; then::

    def test_total(engine):
        result = total(engine(orders))     # orders: a pandas frame
"""

from collections.abc import Callable
from typing import Any

import pytest

from crmkit.testing.engines import ENGINES, available, to_engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a function that copies a pandas frame into the engine under test."""
    name = str(request.param)
    reason = available(name)
    if reason is not None:
        pytest.skip(f"{name}: {reason}")

    def make(frame: Any, **options: Any) -> Any:
        return to_engine(frame, name, **options)

    return make
