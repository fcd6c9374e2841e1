"""What propagation promises beside the place: lossless text, hashes, line maps, reasons."""

from flor.replay import probes
from flor.replay.propagation import Propagated, propagate

OLD = """\
import flor

for epoch in flor.loop("epoch", range(3)):
    train(net)
    flor.log("acc", score(net))
"""
NOW = OLD.replace("    flor.log", '    flor.log("norm", net.norm())\n    flor.log', 1)


def carried(now: str, before: str, *names: str) -> Propagated:
    files = {"train.py": f"from lab import net, score, train\n{now}"}
    return propagate(
        probes.find(files, names or ["norm"]),
        files,
        {"train.py": f"from lab import net, score, train\n{before}"},
    )


def hash_of(now: str, before: str = OLD) -> str:
    [patch] = carried(now, before).patches
    return patch.hash


def test_a_hash_knows_neither_formatting_nor_comments_nor_the_name_of_flor() -> None:
    spread = NOW.replace('flor.log("norm", net.norm())', "flor.log(  # its size\n        'norm', net.norm())")
    alias = NOW.replace("import flor\n", "import flor as f\n").replace("flor.", "f.")

    assert hash_of(NOW) == hash_of(spread) == hash_of(alias)


def test_a_hash_does_not_know_what_the_rest_of_todays_code_is() -> None:
    renamed = NOW.replace("epoch in", "round in")

    assert hash_of(NOW) == hash_of(renamed)


def test_a_hash_knows_the_expression_the_place_and_what_comes_along() -> None:
    other = NOW.replace("net.norm()", "net.norm(2)")
    above = OLD.replace("    train", '    flor.log("norm", net.norm())\n    train', 1)
    two = NOW.replace('    flor.log("norm", net.norm())', '    size = net.norm()\n    flor.log("norm", size)')
    three = two.replace("size = net.norm()", "size = net.norm(3)")

    assert len({hash_of(text) for text in (NOW, other, above, two, three)}) == 5


def test_a_hash_of_a_wrapped_expression_knows_which_one_it_is() -> None:
    old = OLD.replace("train(net)", "train(net)\n    size = net.norm() + net.bias.norm()")
    first = old.replace("= net.norm()", '= flor.log("norm", net.norm())')
    second = old.replace("+ net.bias.norm()", '+ flor.log("norm", net.bias.norm())')

    assert hash_of(first, old) != hash_of(second, old)


def test_lines_are_mapped_both_ways() -> None:
    [file] = carried(NOW, OLD).files

    assert [file.new_line(line) for line in range(1, 7)] == [1, 2, 3, 4, 5, 7]
    assert [file.old_line(line) for line in range(1, 8)] == [1, 2, 3, 4, 5, None, 6]
    assert file.line_of == {6: 7}


def test_a_patch_says_where_it_is_and_what_came_along() -> None:
    now = NOW.replace('    flor.log("norm", net.norm())', '    size = net.norm()\n    flor.log("norm", size)')

    [patch] = carried(now, OLD).patches

    assert (patch.filename, patch.line, patch.carried, patch.brought) == ("train.py", 7, (6,), ("size",))
    assert 0.5 <= patch.score <= 1


def test_the_difference_is_shown_as_a_unified_diff() -> None:
    lines = carried(NOW, OLD).diff().splitlines()

    assert lines[:2] == ["--- a/train.py", "+++ b/train.py"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ['+    flor.log("norm", net.norm())']


def test_a_file_without_a_last_line_end_keeps_that() -> None:
    now = f'{OLD}    flor.log("norm", net.norm())\n'

    [file] = carried(now, OLD.rstrip("\n")).files

    assert file.text.endswith('    flor.log("acc", score(net))\n    flor.log("norm", net.norm())')
    assert [file.new_line(line) for line in (1, 6)] == [1, 6]
    assert "\\ No newline at end of file" in file.diff()


def test_line_ends_and_a_byte_order_mark_are_kept() -> None:
    files, before = {"t.py": NOW}, {"t.py": "\ufeff" + OLD.replace("\n", "\r\n")}
    names = "net = train = score = None\n"
    files, before = {"t.py": names + NOW}, {"t.py": "\ufeff" + (names + OLD).replace("\n", "\r\n")}

    [file] = propagate(probes.find(files, ["norm"]), files, before).files

    assert file.text.startswith("\ufeffnet")
    assert file.text.count("\r\n") == file.text.count("\n") == OLD.count("\n") + 2


def test_form_feeds_and_separators_within_lines_do_not_count_as_line_ends() -> None:
    old = OLD.replace("    train(net)\n", "    train(net)  # a\x0cb\u2028c\x85d\n")

    [patch] = carried(NOW, old).patches

    assert patch.line == 6


def test_a_string_of_several_lines_is_not_indented() -> None:
    text = '    flor.log("norm", """a\n  b\n""")\n    flor.log'
    now = OLD.replace("    flor.log", text, 1)
    old = OLD.replace("    train", "  train").replace("    flor", "  flor")

    [file] = carried(now, old).files

    assert '  flor.log("norm", """a\n  b\n""")\n  flor.log' in file.text


def test_names_inside_format_strings_are_renamed() -> None:
    now = NOW.replace("net.norm()", 'f"{net.norm():.3f} of {net!r} {{net}}"').replace("net", "model")
    now = now.replace("flor.log", "flor.log")
    files = {"train.py": f"from lab import make, score, train\nmodel = make()\n{now}"}
    before = {"train.py": f"from lab import make, score, train\nnet = make()\n{OLD}"}

    [file] = propagate(probes.find(files, ["norm"]), files, before).files

    assert 'f"{net.norm():.3f} of {net!r} {{model}}"' in file.text


def test_a_name_that_a_comprehension_binds_is_no_variable_of_the_old_version() -> None:
    now = NOW.replace("net.norm()", "[p.norm() for p in net]")
    old = OLD.replace("train(net)", "train(net)\n    p = net.first")

    [file] = carried(now, old).files

    assert "[p.norm() for p in net]" in file.text


def test_two_probes_on_one_line_are_two_patches() -> None:
    now = OLD.replace("    flor.log", '    flor.log("a", net.a); flor.log("b", net.b)\n    flor.log', 1)

    found = carried(now, OLD, "a", "b")

    assert [patch.line for patch in found.patches] == [6, 7]
    assert '    flor.log("a", net.a)\n    flor.log("b", net.b)\n' in found.files[0].text


def test_a_log_inside_a_log_comes_without_the_one_that_was_not_asked_for() -> None:
    now = NOW.replace("net.norm()", 'flor.log("inner", net.norm())')

    [file] = carried(now, OLD).files

    assert "    flor.log('norm', net.norm())\n" in file.text


def test_what_is_absent_is_told_from_what_is_uncertain() -> None:
    now = 'import flor\n\n\ndef other(x):\n    y = x.deep()\n    flor.log("norm", y)\n    return y\n'

    [refusal] = carried(now, OLD).refusals

    assert refusal.is_absent
    assert refusal.reason == "this version has nothing like the function `other`"


def test_a_version_without_any_file_refuses() -> None:
    files = {"train.py": NOW}

    found = propagate(probes.find(files, ["norm"]), files, {})

    assert [refusal.is_absent for refusal in found.refusals] == [True]


def test_todays_file_that_cannot_be_read_refuses_its_probes() -> None:
    found = probes.find({"train.py": NOW}, ["norm"])

    [refusal] = propagate(found, {"train.py": "print 1\n"}, {"train.py": OLD}).refusals

    assert refusal.reason.startswith("train.py of today cannot be read")


def test_several_files_are_patched_at_once() -> None:
    now = {
        "a.py": f"import flor\nx = 1\nflor.log('n', x)\n{OLD}",
        "b.py": "import flor\ny = 2\nflor.log('n', y)\n",
    }
    before = {"a.py": f"import flor\nx = 1\n{OLD}", "b.py": "import flor\ny = 2\n"}

    found = propagate(probes.find(now, ["n"]), now, before)

    assert {file.filename for file in found.files} == {"a.py", "b.py"}
    assert len(found.patches) == 2


def test_a_log_around_a_log_is_put_around_the_same_expression() -> None:
    now = 'import flor\nfrom lab import g\nx = flor.log("a", flor.log("b", g()))\nprint(x)\n'
    old = "import flor\nfrom lab import g\nx = g()\nprint(x)\n"

    found = propagate(probes.find({"t.py": now}, ["a", "b"]), {"t.py": now}, {"t.py": old})

    assert [file.text for file in found.files] == [now]
    assert [patch.line for patch in found.patches] == [3, 3]


def test_two_logs_of_one_name_in_one_statement_are_both_found_again() -> None:
    text = 'import flor\nfrom lab import f, g\nx = flor.log("a", f()) + flor.log("a", g())\n'

    found = propagate(probes.find({"t.py": text}, ["a"]), {"t.py": text}, {"t.py": text})

    assert (len(found.present), found.files) == (2, ())


def test_imports_that_several_probes_need_are_put_in_once() -> None:
    now = NOW.replace("import flor\n", "import math\n\nimport flor\n").replace("net.norm()", "math.exp(1)")
    now = now.replace("    train", '    flor.log("two", [math.pi, json.dumps(1)])\n    train', 1)
    now = now.replace("import math\n", "import json\nimport math\n")

    found = carried(now, OLD.replace("import flor\n", ""), "norm", "two")

    text = found.files[0].text
    assert [text.count(f"import {name}\n") for name in ("flor", "json", "math")] == [1, 1, 1]


def test_a_probe_without_its_column_is_found_by_its_line() -> None:
    files = {"t.py": 'import flor\nif flor:\n    flor.log("a", 1)\n'}
    probe = probes.Probe("a", "t.py", "<module>", 3, 3)

    found = propagate([probe], files, {"t.py": "import flor\nif flor:\n    pass\n"})

    assert len(found.patches) == 1


def test_code_nested_deeper_than_python_reads_is_refused() -> None:
    chain = "".join(f"elif x == {number}:\n    y = {number}\n" for number in range(1, 600))
    old = f"import flor\nx = 1\nif x == 0:\n    y = 0\n{chain}print(y)\n"
    now = old.replace("print(y)", 'flor.log("y", y)\nprint(y)')

    found = propagate(probes.find({"t.py": now}, ["y"]), {"t.py": now}, {"t.py": old})

    assert len(found.patches) + len(found.refusals) == 1


def test_strings_of_several_lines_go_from_any_line_ends_to_any_others() -> None:
    text = '    flor.log("norm", """a\n  b\n""")\n    flor.log'
    now = OLD.replace("    flor.log", text, 1)
    for mine, theirs in (("\n", "\r\n"), ("\r\n", "\n"), ("\r\n", "\r\n")):
        names = "train = score = net = None\n"
        files = {"t.py": (names + now).replace("\n", mine)}
        before = {"t.py": (names + OLD).replace("\n", theirs)}

        [file] = propagate(probes.find(files, ["norm"]), files, before).files

        assert file.text == (names + now).replace("\n", theirs)


def test_flor_is_reached_as_the_old_file_reaches_it() -> None:
    for begin, call in [
        ("from flor import log, loop", "log"),
        ("from flor import log as note, loop", "note"),
        ("import flordb", "flordb.log"),
        ("from flor import MTK as Flor", "Flor.log"),
    ]:
        old = OLD.replace("import flor", begin).replace("flor.loop", "loop").replace("flor.log", "log")

        [file] = carried(NOW, old).files

        assert f'    {call}("norm", net.norm())\n' in file.text
        assert "import flor\n" not in file.text


def test_a_name_of_the_old_version_is_not_overwritten_by_the_import_of_flor() -> None:
    old = OLD.replace("import flor\n", "flor = floral = 1\n").replace(
        'flor.loop("epoch", range(3))', "range(3)"
    )

    [file] = carried(NOW, old.replace("flor.log", "print")).files

    assert "import flor as flor_\n" in file.text
    assert '    flor_.log("norm", net.norm())\n' in file.text
