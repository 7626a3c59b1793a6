"""Every test here draws in the course's style, as a chapter does: whatever ran before on the same worker."""

import pytest

from lecture_utils.plotting.style import styled


@pytest.fixture(autouse=True)
def style():
    """Set the style, and put back what was in force."""
    with styled():
        yield
