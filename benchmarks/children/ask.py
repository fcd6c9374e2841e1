"""Times `flor.dataframe` of some names, twice, the libraries loaded before: NAME …"""

import json
import resource
import sys
import time

import duckdb  # noqa: F401
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401

import flor
from flor.query import frame  # noqa: F401
from flor.runs import catalog  # noqa: F401


def timed(names):
    wall, cpu = time.perf_counter(), time.process_time()
    rows = len(flor.dataframe(*names))
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "rows": rows}


first, second = timed(sys.argv[1:]), timed(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"first": first, "second": second, "peak": peak}))
