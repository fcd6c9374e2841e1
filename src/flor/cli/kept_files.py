"""Files that runs read and wrote: how `flor show` lists them, and which of the kept ones `flor gc` leaves."""

from flor.checkpoints import manifest
from flor.cli.console import Console
from flor.cli.table import Table
from flor.entities import Run
from flor.errors import StoreError
from flor.runs import files
from flor.runs.catalog import Catalog
from flor.runs.files import RunFiles
from flor.runs.layout import Layout


def used(catalog: Catalog, layout: Layout, console: Console) -> set[str] | None:
    """The hashes of the contents that runs or checkpoints need; None where that cannot be told for sure."""
    found = {digest for run in catalog.runs for digest in files.contents_of(catalog.detailed(run))}
    try:
        for path in layout.checkpoints.glob(f"*/*{manifest.SUFFIX}"):
            found |= files.contents_at(manifest.read(path).facts.get("files"))
    except StoreError:
        console.note("Kept files are left alone while a checkpoint cannot be read: see `flor fsck`.")
        return None
    return found


def show(run: Run, console: Console) -> None:
    """Print what the run read and wrote."""
    known = files.of(run)
    if known.inputs:
        console.lines(["", "files read"])
        console.part(_inputs(known))
    if known.outputs:
        console.lines(["", "files written"])
        console.part(_outputs(known))
    if known.tree.left_out:
        console.lines(["", "files that are not known", *(f"  {line}" for line in known.tree.left_out)])


def _inputs(known: RunFiles) -> Table:
    where = {"store": "kept", "version": "in the code version", "": ""}
    rows = [
        (path, one.size, _short(one.sha256), where[one.kept] or one.note)
        for path, one in known.inputs.items()
    ]
    return Table(("path", "bytes", "sha256", "content"), rows)


def _outputs(known: RunFiles) -> Table:
    rows = [
        (path, "removed" if one.size is None else one.size, _short(one.sha256), "yes" if one.is_read else "")
        for path, one in known.outputs.items()
    ]
    return Table(("path", "bytes", "sha256", "read back"), rows)


def _short(digest: str | None) -> str:
    return digest[:12] if digest else ""


def as_json(run: Run) -> dict[str, object]:
    """The same by path, for programs."""
    known = files.of(run)
    return {
        "inputs": [{"path": path, **files.plain(one)} for path, one in known.inputs.items()],
        "outputs": [{"path": path, **files.plain(one)} for path, one in known.outputs.items()],
        "left_out": list(known.tree.left_out),
    }
