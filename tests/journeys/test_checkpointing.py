"""A script that trains inside `flor.checkpointing` leaves entry points behind."""

from flor.checkpoints.store import CheckpointStore
from workplace import Workplace

TRAIN = """
import flor
import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Dropout(0.1))
optimizer = torch.optim.Adam(net.parameters())
data = torch.randn(40, 8)


def train():
    for batch in flor.loop("step", data.split(10)):
        loss = net(batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        flor.log("loss", loss.item())


with flor.checkpointing(net=net, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(3)):
        train()
        for item in flor.loop("validate", range(5)):
            if item == 1:
                break
flor.log("norm", sum(p.norm().item() for p in net.parameters()))
"""


def test_entry_points_are_kept_with_how_their_loops_ended(place: Workplace) -> None:
    place.run(TRAIN, env={"FLOR_STRICT": "1", "FLOR_EPSILON": "1"})

    kept = CheckpointStore(place.root / ".flor" / "checkpoints").kept(place.only_run().run)
    assert [one.manifest.entry for one in kept] == [
        "0/0 top(0)", "0/0 after(0, 0)", "0/0 after(0, 1)",
        "0/0 top(1)", "0/0 after(1, 0)", "0/0 after(1, 1)",
        "0/0 top(2)", "0/0 after(2, 0)", "0/0 after(2, 1)",
        "0/0 top(3)",  # before it turns out that there is no fourth iteration
        "0/0 done", "0 end",
    ]  # fmt: skip
    assert [one.manifest.facts.get("how") for one in kept[:3]] == [None, "exhausted", "break"]
    assert [one.manifest.opaque for one in kept] == [[]] * len(kept)


def test_what_validation_does_not_change_is_not_written_again(place: Workplace) -> None:
    place.run(TRAIN, env={"FLOR_STRICT": "1", "FLOR_EPSILON": "1"})

    kept = CheckpointStore(place.root / ".flor" / "checkpoints").kept(place.only_run().run)
    new = {one.manifest.entry: one.manifest.new_bytes for one in kept}
    state = kept[0].manifest.size_bytes - kept[0].manifest.graph_bytes
    assert new["0/0 after(1, 1)"] < state / 4 + kept[5].manifest.graph_bytes


def test_a_run_computes_and_logs_the_same_with_and_without_entry_points(place: Workplace) -> None:
    place.run(TRAIN, env={"FLOR_STRICT": "1", "FLOR_EPSILON": "1"})
    place.run(TRAIN.replace("with flor.checkpointing(net=net, optimizer=optimizer):", "if True:"))

    with_blocks, without = place.catalog().runs
    assert place.values("loss", with_blocks.run) == place.values("loss", without.run)
    assert place.values("norm", with_blocks.run) == place.values("norm", without.run)


def test_blocks_inside_an_outer_loop_say_which_iteration_they_stood_in(place: Workplace) -> None:
    place.run(
        """
        import flor

        total = 0
        for fold in flor.loop("fold", ["a", "b"]):
            with flor.checkpointing():
                for epoch in flor.loop("epoch", range(2)):
                    total += epoch
        flor.log("total", total)
        """,
        env={"FLOR_STRICT": "1", "FLOR_EPSILON": "1"},
    )

    kept = CheckpointStore(place.root / ".flor" / "checkpoints").kept(place.only_run().run)
    tops = [one.manifest for one in kept if "top(0)" in one.manifest.entry]
    assert [(top.entry, top.around) for top in tops] == [
        ("0/0 top(0)", [("fold", 1)]),
        ("1/0 top(0)", [("fold", 2)]),
    ]


def test_a_full_checkpoint_folder_warns_once_and_training_goes_on(place: Workplace) -> None:
    (place.root / ".flor").mkdir()
    (place.root / ".flor" / "checkpoints").write_text("a file where a folder should be")

    done = place.run(TRAIN, env={"FLOR_EPSILON": "1"})

    assert len(place.values("loss")) == 12
    assert done.stderr.count("flor:") == 1
    assert place.only_run().faults
