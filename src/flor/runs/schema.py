"""The columns of sealed records, and how to change them.

To change the format: raise `FORMAT_VERSION` in `entities.py`, keep reading the older
one here, and add a store written by the last release to `tests/compat/`.
"""

import pyarrow as pa

RECORDS = pa.schema(
    [
        ("seq", pa.int64()),  # order within the process, from 1
        ("ts", pa.int64()),  # microseconds since the epoch, UTC
        ("rank", pa.int32()),
        ("process", pa.int64()),  # 0 for the rank's main process
        ("name", pa.dictionary(pa.int32(), pa.string())),  # null for loop values and console output
        ("path", pa.dictionary(pa.int32(), pa.string())),  # "epoch/step#2"; "" at run level
        ("it", pa.list_(pa.int64())),  # one iteration per element of path, counting from 1
        ("kind", pa.dictionary(pa.int8(), pa.string())),  # entities.Kind in lower case
        ("source", pa.dictionary(pa.int8(), pa.string())),  # entities.Source in lower case
        ("vf", pa.float64()),
        ("vi", pa.int64()),
        ("vs", pa.string()),
    ]
)
"""Rows are sorted by rank, process, seq."""

METADATA_KEY = b"flor"
"""Key of the schema metadata that holds the run, as JSON (see runs/catalog.py)."""

HASH_KEY = b"flor.xxh3_64"
"""Key of the hash of that JSON, in hexadecimal."""
