"""A script whose command line is click's, which importlinter brings along."""

from workplace import Workplace


def test_click_never_sees_kwargs(place: Workplace) -> None:
    place.run(
        """
        import click, flor

        @click.command()
        @click.option("--epochs", type=int)
        @click.argument("data")
        def main(epochs, data):
            flor.log("seen", [epochs, data, flor.arg("lr", 0.5)])

        main()
        """,
        "--epochs", "3", "--kwargs", "lr=0.25", "--", "file.csv",
    )  # fmt: skip

    assert place.values("seen") == [[3, "file.csv", 0.25]]
    assert place.statuses() == ["finished"]
