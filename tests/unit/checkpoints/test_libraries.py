"""pandas and scikit-learn, as training scripts use them."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from unit.checkpoints.programs import came_back

Names = dict[str, Any]


def test_frames_series_and_indexes() -> None:
    def build() -> Names:
        frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", "y"]}, index=["r", "s"])
        return {"frame": frame, "column": frame["a"], "history": []}

    def change(names: Names) -> None:
        frame = names["frame"]
        frame.loc["r", "a"] = 10
        frame["d"] = pd.Categorical(["u", "v"])
        frame["when"] = pd.to_datetime(["2026-01-01", "2026-01-02"])
        names["history"].append(frame)
        names["series"] = pd.Series([1, None], name="n", dtype="Int64")
        names["multi"] = pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
        names["expected"] = [frame.to_csv(), names["series"].to_csv(), str(names["multi"])]

    for program in came_back(build, change):
        names = program.names
        found = [names["frame"].to_csv(), names["series"].to_csv(), str(names["multi"])]
        assert found == names["expected"]
        assert names["history"][0] is names["frame"]
        names["frame"].loc["s", "a"] = 7
        assert names["column"].tolist() == [1, 2]  # a copy on write, as before


def test_a_part_of_a_frame_whose_columns_are_replaced() -> None:
    def build() -> Names:
        frame = pd.DataFrame({"a": range(4), "b": pd.Categorical(list("uvuv")), "c": [0.5, 1.0, 1.5, 2.0]})
        return {"frame": frame, "part": frame.iloc[1:3], "columns": frame[["c", "a"]]}

    def change(names: Names) -> None:
        names["frame"]["c"] = names["frame"]["c"] * 2
        names["frame"].loc[1, "a"] = 10
        names["expected"] = {name: names[name].to_csv() for name in ("frame", "part", "columns")}

    for program in came_back(build, change):
        names = program.names
        for name, text in names.get("expected", {}).items():
            assert names[name].to_csv() == text


def test_a_frame_of_texts_that_has_grown_can_grow_on() -> None:
    def build() -> Names:
        return {"frame": pd.DataFrame({"a": ["x", "y"]})}

    def change(names: Names) -> None:
        names["frame"] = pd.concat([names["frame"], pd.DataFrame({"a": ["z"]})], ignore_index=True)
        names["frame"].loc[1, "a"] = None

    for program in came_back(build, change):
        frame = program.names["frame"]
        wider = pd.concat([frame, pd.DataFrame({"b": [1]})], axis=1)
        assert (frame["a"].dtype, wider.columns.dtype) == ("str", "str")
        assert frame["a"].isna().tolist() == [False, True, False]
        assert pd.concat([frame, pd.DataFrame({"a": ["w"]})])["a"].dtype == "str"


@pytest.mark.parametrize("make", [SGDClassifier, GaussianNB, MLPClassifier])
def test_an_estimator_goes_on_learning_where_it_was(make: Any) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)

    def build() -> Names:
        options = {} if make is GaussianNB else {"random_state": np.random.RandomState(1)}
        return {"model": make(**options)}

    def learn(names: Names) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names["model"].partial_fit(features, labels, classes=[0, 1, 2])

    def change(names: Names) -> None:
        learn(names)
        learn(names)

    predictions = []
    for program in came_back(build, change):
        learn(program.names)
        model = program.names["model"]
        found = model.coef_ if make is SGDClassifier else model.predict_proba(features)
        predictions.append(found.tobytes())
    assert predictions[0] == predictions[1]


def test_fitted_estimators_with_c_state() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)

    def build() -> Names:
        return {"tree": DecisionTreeClassifier(random_state=0), "scaler": StandardScaler()}

    def change(names: Names) -> None:
        names["tree"].fit(features, labels)
        names["scaler"].partial_fit(features)
        names["hashing"] = HashingVectorizer(n_features=8)
        names["expected"] = names["tree"].predict(names["scaler"].transform(features))

    for program in came_back(build, change):
        names = program.names
        assert (names["tree"].predict(names["scaler"].transform(features)) == names["expected"]).all()
        assert names["hashing"].transform(["a b"]).shape == (1, 8)
