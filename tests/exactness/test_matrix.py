"""What the scripts of the matrix say of themselves can be read. (Most use torch or scikit-learn.)"""

import pytest

from exactness import killing, matrix
from exactness.matrix import Script


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_a_script_says_what_it_is_about_and_when_to_kill_it(script: Script) -> None:
    assert script.about.endswith((".", ":"))
    assert script.unknown == ()
    assert len([killing.parse(moment) for moment in script.kill]) >= 3


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_a_script_logs_a_digest_of_what_it_has_computed(script: Script) -> None:
    assert 'flor.log("digest"' in script.files[script.main].decode()


def test_many_scripts_are_built_to_defeat_the_analysis() -> None:
    built = [script for script in matrix.all_scripts() if script.about.startswith("Built to defeat")]

    assert len(built) >= 6
