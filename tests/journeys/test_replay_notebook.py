"""A replay that is asked for in a notebook: it answers, and shows its report as a table."""

import nbformat
from nbclient import NotebookClient

from faults.replaying import KEEP_ALL, probed
from workplace import Workplace

SCRIPT = """
    import flor

    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            total += epoch
            flor.log("total", total)
            # behind
    """


def test_a_cell_replays_and_shows_the_report_and_the_next_one_reads_the_answers(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "behind", 'flor.log("probe", total * 2)')
    sources = [
        "import flor\nflor.replay('probe', workers=1, audit=1)",
        "flor.dataframe('probe')['probe'].tolist()",
        "flor.replay('prob')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(place.root)}}

    NotebookClient(notebook, timeout=60, allow_errors=True, resources=resources).execute(
        env=place._environ({})
    )

    report, answers, unknown = (cell.outputs for cell in notebook.cells)
    html = "".join(each.data.get("text/html", "") for each in report if each.output_type == "execute_result")
    assert html.startswith("<p>Replay of probe:")
    assert "<th>verified</th>" in html
    assert html.count("<tr>") == 2
    assert answers[-1].data["text/plain"] == "[0, 2, 6]"
    assert "Closest: probe" in unknown[-1].evalue
    assert [run.filename for run in place.catalog().runs] == ["train.py"]
