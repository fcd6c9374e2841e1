"""A run entered again anywhere logs from there on what it logged, bit for bit."""

from journeys.entering import problems, recorded, some
from workplace import Workplace

TRAINING = """
    import flor
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    data = torch.utils.data.DataLoader(torch.randn(60, 8), batch_size=15, shuffle=True)
    best, history = 1e9, []

    with flor.checkpointing(net=net, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(4)):
            total = 0.0
            for batch in flor.loop("step", data):
                loss = net(batch).square().mean() + torch.rand(()) / 100
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += flor.log("loss", loss.item())
            history.append(total)
            for trial in flor.loop("validate", [3, 2, 1]):
                if trial == 2:
                    break
                flor.log("trial", trial + total)
            best = min(best, total)
            schedule.step()
            flor.log("best", best)
            flor.log("lr", schedule.get_last_lr()[0])
    flor.log("norm", sum(p.norm().item() for p in net.parameters()))
    flor.log("history", history)
    """

TRAINER = """
    import random

    import flor


    class Trainer:
        def __init__(self, data):
            self.data, self.weight, self.seen = data, 0.5, {}

        def epoch(self, k):
            for x in flor.loop("item", self.data):
                self.weight += random.random() * x
                self.seen.setdefault(k, []).append(self.weight)
                if self.weight > 40:
                    return "enough"
            return None

        def fit(self):
            count = 0

            def peek():
                return count, self.weight

            with flor.checkpointing(trainer=self):
                for k in flor.loop("epoch", [5, 6, 7, 8]):
                    count += 1
                    verdict = self.epoch(k)
                    flor.log("verdict", verdict)
                    flor.log("peek", list(peek()))
            return peek


    def main():
        random.seed(3)
        trainer = Trainer([1.0, 2.0, 4.0])
        peek = trainer.fit()
        flor.log("end", [list(peek()), trainer.seen])


    main()
    """


FEW = ("0/0 top(0)", "0/0 top(2)", "0/0 after(1, 0)", "0/0 after(2, 1)", "0/0 top(4)", "0 end")


def test_a_training_goes_on_from_an_entry_point_as_it_went_on(place: Workplace) -> None:
    kept = recorded(place, TRAINING)

    assert problems(place, some(kept, lambda name: name in FEW)) == []


def test_a_program_goes_on_from_every_entry_point_as_it_went_on(place: Workplace) -> None:
    kept = recorded(place, TRAINER)

    assert problems(place, kept) == []
