"""Which runs a predicate chooses for a replay, and which of their iterations.

The predicate is asked of the joined frame, as in `flor.dataframe`, with a row for each run and for each
iteration of its main loops, whether anything was logged there or not. A row is kept if it, or a context
further inside of which something was logged, satisfies the predicate; so a probe shallower than the predicate
runs where any row below satisfies it, and a deeper one in the whole iteration.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flor.entities import RunId, Source
from flor.query.answer import Query, columns
from flor.query.filtering import titles_besides
from flor.query.naming import merged
from flor.query.paths import Shape, shape_of
from flor.query.predicate import referenced
from flor.replay.planning.facts import LoopFacts, Narrowed
from flor.runs import verdicts
from flor.runs.catalog import Catalog
from flor.runs.decode import escaped
from flor.runs.records import Chunk
from flor.runs.schema import RECORDS

_COLUMNS = ("rank", "process", "name", "path", "it", "kind", "source", "vf", "vi", "vs", verdicts.COLUMN)
_PLACE = "\x00place"
"""A name that nobody logs: its value says for which run and iteration a row stands."""
_FACTS = ("projid", "tstamp", "filename", "run", "status")


def check(catalog: Catalog, where: str, probed: Collection[str] = ()) -> None:
    """Raise if the predicate cannot be understood: before anything is executed.

    Args:
        probed: names that are asked for, and perhaps nobody logged.

    Raises:
        QueryError: a syntax error, or a column that there is not, with the closest ones.
    """
    referenced(where, _visible(catalog, probed))


def narrow(
    catalog: Catalog,
    loops: Mapping[RunId, Sequence[LoopFacts]],
    where: str,
    probed: Collection[str] = (),
) -> list[Narrowed]:
    """The runs among these that have a row which satisfies the predicate, with the iterations that have.

    Args:
        loops: the main loops of the runs in question.

    Raises:
        QueryError: the predicate cannot be understood.
    """
    places = [place for run, found in loops.items() for place in _places(run, found)]
    mentioned = referenced(where, _visible(catalog, probed))
    chunks = list(_with_places(catalog, _needed(catalog, mentioned, loops), places))
    found = columns(chunks, Query((_PLACE,), where, known={*catalog.names, *probed}))
    return _narrowed([places[number] for number in found[_PLACE].to_pylist()])


@dataclass(frozen=True, slots=True)
class _Needed:
    """Which records the predicate needs."""

    names: tuple[str, ...] | None  # None: all
    has_contexts: bool  # a row for each context that records know


@dataclass(frozen=True, slots=True)
class _Place:
    """A run, or one iteration of a main loop of it."""

    run: RunId
    path: str
    numbers: tuple[int, ...]  # as records have them, counting from 1
    loop: tuple[int, int] | None = None


def _places(run: RunId, loops: Sequence[LoopFacts]) -> Iterator[_Place]:
    yield _Place(run, "", ())
    for loop, path in zip(loops, _paths(loops), strict=True):
        around = tuple(number for _, number in loop.around)
        for iteration in range(loop.length):
            yield _Place(run, path, (*around, iteration + 1), (loop.block, loop.loop))


def _paths(loops: Sequence[LoopFacts]) -> Iterator[str]:
    """The path of each loop; of one without records as it would be, were it the only kind of loop."""
    seen: dict[tuple[object, ...], int] = {}
    for loop in loops:
        key = (loop.around, loop.name)
        seen[key] = seen.get(key, 0) + 1
        names = [*(name for name, _ in loop.around), loop.name]
        guess = "/".join(map(escaped, names)) + (f"#{seen[key]}" if seen[key] > 1 else "")
        yield loop.path or guess


def _narrowed(places: Sequence[_Place]) -> list[Narrowed]:
    found: dict[RunId, dict[tuple[int, int], list[int]]] = {}
    for place in places:
        loops = found.setdefault(place.run, {})
        if place.loop is not None:
            loops.setdefault(place.loop, []).append(place.numbers[-1] - 1)
    return [
        Narrowed(run, {key: tuple(sorted(set(numbers))) for key, numbers in loops.items()})
        for run, loops in found.items()
    ]


def _visible(catalog: Catalog, probed: Collection[str]) -> list[str]:
    """The columns that a predicate may mention."""
    names = list(dict.fromkeys([*probed, *catalog.names]))
    loops = [str(column) for column in merged(_shapes(catalog))]
    titles = [title for loop in loops for title in (loop, f"{loop}_value")]
    more = [title for name in names for title in titles_besides(name)]
    return list(dict.fromkeys([*names, *titles, *_FACTS, *more]))


def _shapes(catalog: Catalog) -> list[Shape]:
    return list(dict.fromkeys(shape_of(path) for entry in catalog.entries for path in entry.metadata.loops))


def _needed(
    catalog: Catalog, mentioned: Collection[str], loops: Mapping[RunId, Sequence[LoopFacts]]
) -> _Needed:
    """The records that tell of what is mentioned: of names, values of loops, iterations of inner loops."""
    main = {name for found in loops.values() for loop in found for name in (loop.name, *dict(loop.around))}
    known = {str(column) for column in merged(_shapes(catalog))}
    has_contexts = any(title.removesuffix("_value") in known - main for title in mentioned)
    has_values = any(
        title.endswith("_value") and title.removesuffix("_value") in known for title in mentioned
    )
    names = (*map(_without_suffix, mentioned), *mentioned)
    return _Needed(None if has_contexts or has_values else names, has_contexts)


def _without_suffix(title: str) -> str:
    return title.removesuffix("_source").removesuffix("_verdict").removesuffix("_logged")


def _with_places(catalog: Catalog, needed: _Needed, places: Sequence[_Place]) -> Iterator[Chunk]:
    """The records that are needed, and one for each place."""
    of_run: dict[RunId, list[tuple[int, _Place]]] = {}
    for number, place in enumerate(places):
        of_run.setdefault(place.run, []).append((number, place))
    for chunk in catalog.chunks(needed.names, set(of_run), columns=_COLUMNS):
        rows: list[_Row] = []
        for position, run in enumerate(chunk.runs):
            known = of_run.pop(run.run, [])
            rows += [_row(position, number, place.path, place.numbers) for number, place in known]
            rows += _deeper(chunk, position, known) if needed.has_contexts else ()
        yield Chunk(chunk.runs, _together(chunk.table, rows), chunk.loops)
    for identity, left in of_run.items():
        entry = catalog.entry(identity)
        rows = [_row(0, number, place.path, place.numbers) for number, place in left]
        yield Chunk((entry.run,), _table(rows), (entry.metadata.loops,))


_Row = dict[str, object]


def _deeper(chunk: Chunk, position: int, known: Sequence[tuple[int, _Place]]) -> Iterator[_Row]:
    """A row for each context inside of the places that the records of a run know."""
    numbers = {(place.path, place.numbers): number for number, place in known}
    mine = chunk.table.filter(pc.equal(chunk.table["run"], position))
    for context in dict.fromkeys(
        zip(mine["path"].to_pylist(), map(tuple, mine["it"].to_pylist()), strict=True)
    ):
        path, iterations = context
        elements = path.split("/") if path else []
        around = [("/".join(elements[:depth]), iterations[:depth]) for depth in range(len(elements), -1, -1)]
        number = next((numbers[one] for one in around if one in numbers), None)
        if number is not None and context not in numbers:
            yield _row(position, number, path, iterations)


def _row(position: int, number: int, path: str, iterations: Sequence[int]) -> _Row:
    return {
        "rank": 0,
        "process": 0,
        "name": _PLACE,
        "path": path,
        "it": list(iterations),
        "kind": "int",
        "source": Source.LOG.name.lower(),
        "vf": None,
        "vi": number,
        "vs": None,
        verdicts.COLUMN: None,
        "run": position,
    }


def _schema() -> pa.Schema:
    records = [RECORDS.field(name) for name in RECORDS.names if name in _COLUMNS]
    return pa.schema([*records, verdicts.FIELD, pa.field("run", pa.int32())])


def _table(rows: Sequence[_Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=_schema())


def _together(table: pa.Table, rows: Sequence[_Row]) -> pa.Table:
    """The records with the rows behind those of the same process."""
    both = pa.concat_tables(
        [table.select(_schema().names).cast(_schema()), _table(rows)]
    ).unify_dictionaries()
    keys = np.lexsort([both[name].to_numpy() for name in ("process", "rank", "run")])
    return both.take(pa.array(keys))
