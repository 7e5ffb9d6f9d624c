"""Stories that drive the program as a person does."""

import pytest

pytest.register_assert_rewrite("tests.acceptance.program", "tests.acceptance.refusals")
