"""Times the table that `flor.dataframe` gives, made from the same files by `duckdb` or `sqlite`."""

import glob
import json
import sqlite3
import sys
import time

import duckdb
import pandas
import pyarrow.parquet

NAMES = ("loss", "acc", "norm")
FILES = sorted(glob.glob(".flor/runs/*.parquet"))


def fill_sqlite():
    """The same records, a row for each value."""
    connection = sqlite3.connect("rows.db")
    connection.execute("CREATE TABLE logs (run INTEGER, epoch INTEGER, step INTEGER, name TEXT, value REAL)")
    for run, file in enumerate(FILES):
        table = pyarrow.parquet.read_table(file, columns=["name", "it", "vf"]).to_pylist()
        rows = [(run, *row["it"], row["name"], row["vf"]) for row in table if row["name"] in NAMES]
        connection.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()


def by_sqlite():
    rows = pandas.read_sql("SELECT * FROM logs", sqlite3.connect("rows.db"))
    return rows.pivot(index=["run", "epoch", "step"], columns="name", values="value").reset_index()


def by_duckdb():
    columns = ", ".join(f"max(vf) FILTER (name = '{name}') AS {name}" for name in NAMES)
    names = ", ".join(f"'{name}'" for name in NAMES)
    return duckdb.sql(
        f"SELECT filename, path, it, {columns} FROM read_parquet({FILES}, filename = true) "
        f"WHERE name IN ({names}) GROUP BY ALL ORDER BY ALL"
    ).df()


def main(rival):
    if rival == "sqlite":
        fill_sqlite()
    make = by_sqlite if rival == "sqlite" else by_duckdb
    wall, cpu = time.perf_counter(), time.process_time()
    rows = len(make())
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "rows": rows}))


main(sys.argv[1])
