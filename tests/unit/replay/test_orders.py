"""Orders for the process of a segment."""

from importlib import import_module

from flor.replay import orders, segment


def test_what_the_process_does_first_is_there() -> None:
    module, _, name = orders.PREPARE.partition(":")

    assert getattr(import_module(module), name) is segment.prepare
