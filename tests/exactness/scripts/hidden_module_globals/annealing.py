"""A temperature that falls with every call."""

_calls = 0
_temperature = 3.0


def step():
    global _calls, _temperature
    _calls += 1
    _temperature = max(1.0, _temperature * (1 - 0.01 * _calls))
    return _temperature
