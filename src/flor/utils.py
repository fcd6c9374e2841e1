"""Small helpers for DataFrames that FlorDB returns."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def latest(df: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the newest `tstamp`."""
    newest: pd.DataFrame = df[df["tstamp"] == df["tstamp"].max()]
    return newest
