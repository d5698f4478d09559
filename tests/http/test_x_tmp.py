from tests.http.test_schema import *  # noqa
import pytest


@pytest.mark.parametrize("role", ["service:mail", "agent:ann"])
def test_x(desk, role):
    print(tried(desk, role, 5, 6))
