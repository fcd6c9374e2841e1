"""Which blobs records name."""

import pyarrow as pa
import pyarrow.compute as pc

from flor.entities import BlobReference
from flor.runs.blobs import reference_of


def references(records: pa.Table) -> list[BlobReference]:
    """Each blob that these records name, once; the columns `kind` and `vs` suffice."""
    texts = records["vs"].filter(pc.equal(records["kind"], "blob")).unique()
    return [reference_of(text) for text in texts.to_pylist()]
