"""The user and home of the tests of faults."""

from faults.conftest import home, user

__all__ = ["home", "user"]
