"""From live state to the store: copied on the training thread, hashed and written in the background."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from flor.checkpoints import memory
from flor.checkpoints.buffers import SNAPSHOTS_IN_FLIGHT, BufferPool
from flor.checkpoints.following import Following
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.manifest import LeafRecord, Manifest, OpaqueRecord
from flor.checkpoints.packs import Blob, hash_of
from flor.checkpoints.store import CheckpointStore
from flor.entities import FORMAT_VERSION
from flor.errors import StoreError

PREFIX_BUDGET_BYTES = 100 << 20
"""Of the first state so much is kept beside registered objects; the prefix makes the rest again."""
SMALL_BYTES = 256 << 20
"""Copies that take no more are made without asking whether there is room."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a checkpoint before its leaves are hashed; the fields are those of `Manifest`."""

    run: str
    rank: int
    process: int
    entry: str
    position: int
    seq: int
    ts: int
    graph: Callable[[], bytes]  # serialised in the background
    opaque: list[OpaqueRecord]
    around: list[tuple[str, int]]
    facts: dict[str, Any]
    registered: Collection[int] | None = None  # of the first state: leaves of what was given to checkpointing
    blobs: Mapping[str, bytes] = field(default_factory=dict)  # further ones that the facts name, by hash
    files: Callable[[], Mapping[str, Any] | None] | None = None  # a further fact, found out in the background
    is_follower: bool = False  # rank 0 keeps the same moment


@dataclass(frozen=True, slots=True)
class Cost:
    """What one checkpoint cost."""

    stall_s: float  # of the training thread
    background_s: float  # CPU time of the writer's thread
    new_bytes: int


class _Apart(Exception):
    """This rank's state has changed otherwise than that of rank 0, and was not copied: it goes without."""


@dataclass(slots=True)
class _Taken:
    """One leaf between training thread and writer: its bytes, or the hash of what did not change."""

    key: tuple[int, int]  # where it lies, and its size: tells a leaf from one checkpoint to the next
    content: bytes | bytearray | memoryview | None  # a view: where it lies, and training waits meanwhile
    hash: str = ""

    @property
    def size_bytes(self) -> int:
        return self.key[1]


@dataclass(slots=True)
class _Known:
    """What the last checkpoint saw of a leaf."""

    hash: str
    is_steady: bool  # it did not change from the one before
    is_shared: bool = False  # rank 0 has kept it too, when it had changed: they go on alike


@dataclass(frozen=True, slots=True)
class _Job:
    """A state on its way into the store."""

    draft: Draft
    taken: list[_Taken]
    stall_s: float
    on_kept: Callable[[Cost], None]
    is_done: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Writer:
    """Takes states while training goes on. At most two are in flight; a further one is skipped.

    Where memory does not suffice for a copy, training waits until the state is written from where it lies.
    """

    store: CheckpointStore
    on_fault: Callable[[BaseException], None]
    skipped_count: int = 0
    kept_count: int = 0
    new_bytes: int = 0
    size_bytes: int = 0
    _pool: BufferPool = field(default_factory=BufferPool)
    _known: dict[tuple[int, int], _Known] = field(default_factory=dict)
    _left_to_prefix: set[str] = field(default_factory=set)
    _queue: "SimpleQueue[_Job | None]" = field(default_factory=SimpleQueue)
    _in_flight: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SNAPSHOTS_IN_FLIGHT))
    _thread: threading.Thread | None = None
    _following: Following | None = None
    _raised: Exception | None = None  # by `on_fault`, for the next to submit

    def submit(
        self, draft: Draft, leaves: Sequence[Leaf], on_kept: Callable[[Cost], None], must_wait: bool = False
    ) -> bool:
        """Copy what changed, and let the background do the rest; False if two states are in flight.

        Args:
            on_kept: told by the background when the checkpoint is in the store.
            must_wait: wait for a state in flight instead.

        Raises:
            Exception: what `on_fault` has raised since.
        """
        self._raise()
        if not self._in_flight.acquire(blocking=must_wait):
            self.skipped_count += 1
            return False
        started = time.perf_counter()
        try:
            self._start()
            taken = self._copied(leaves)
            is_copied = taken is not None
            if taken is None:
                taken = [self._take(leaf, is_copied=False) for leaf in leaves]
        except BaseException:
            self._in_flight.release()
            raise
        job = _Job(draft, taken, time.perf_counter() - started, on_kept)
        self._queue.put(job)
        if not is_copied:
            job.is_done.wait()
        return True

    @property
    def is_full(self) -> bool:
        """Whether two states are in flight."""
        has_turn = self._in_flight.acquire(blocking=False)
        if has_turn:
            self._in_flight.release()
        return not has_turn

    def wait(self) -> None:
        """Wait until every state taken so far is written, or has failed."""
        for _ in range(SNAPSHOTS_IN_FLIGHT):
            self._in_flight.acquire()
        self._in_flight.release(SNAPSHOTS_IN_FLIGHT)

    def close(self, timeout_s: float = 600.0) -> None:
        """Wait until everything taken is written; raises as `submit` does."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)
            self._thread = None
        self._raise()

    def _raise(self) -> None:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="flor-checkpoints", daemon=True)
            thread.start()
            self._thread = thread

    def _copied(self, leaves: Sequence[Leaf]) -> list[_Taken] | None:
        """The leaves, copied as far as they may have changed; None if memory does not suffice for that."""
        if not self._has_room(leaves):
            return None
        taken: list[_Taken] = []
        try:
            taken.extend(self._take(leaf, is_copied=True) for leaf in leaves)
        except MemoryError:
            self._return_buffers(taken)
            return None
        return taken

    def _has_room(self, leaves: Sequence[Leaf]) -> bool:
        if sum(leaf.size_bytes for leaf in leaves) <= SMALL_BYTES:
            return True
        fresh = [leaf.size_bytes for leaf in leaves if not self._is_steady(leaf)]
        lacking = self._pool.lacking(fresh)
        return not lacking or memory.has_room(lacking)

    def _is_steady(self, leaf: Leaf) -> bool:
        known = self._known.get(_key(leaf))
        return known is not None and (known.is_steady or known.is_shared)

    def _take(self, leaf: Leaf, *, is_copied: bool) -> _Taken:
        taken = _Taken(_key(leaf), None)
        if isinstance(leaf.source, bytes):
            taken.content = leaf.source  # cannot change
            return taken
        view, known = leaf.view(), self._known.get(taken.key)
        if known and (known.is_steady or known.is_shared):
            # Hashing is faster than copying: what did not change last time is only compared.
            taken.hash = hash_of(view)
            if taken.hash == known.hash or known.is_shared:
                return taken
        # What lies on a device was copied to be viewed.
        is_live = leaf.is_addressable
        taken.content, taken.hash = self._pool.copy_of(view) if is_copied and is_live else view, ""
        return taken

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            started = time.thread_time()
            try:
                size = self._keep(job.draft, job.taken)
                self.kept_count += 1
                self.new_bytes += size
                job.on_kept(Cost(job.stall_s, time.thread_time() - started, size))
            except _Apart:
                self.skipped_count += 1
                self._known.clear()
            except Exception as error:  # noqa: BLE001  (a failed checkpoint must not stop the training)
                # What was not written must be copied again, and looked for where it is believed to be.
                self._known.clear()
                self.store.forget()
                self._tell(error)
            finally:
                self._return_buffers(job.taken)
                self._in_flight.release()
                job.is_done.set()
            del job  # while the next one is waited for, nothing of the program is held

    def _tell(self, error: Exception) -> None:
        try:
            self.on_fault(error)
        except Exception as raised:  # noqa: BLE001  (the training thread raises it: this one must go on)
            self._raised = raised

    def _keep(self, draft: Draft, taken: list[_Taken]) -> int:
        if draft.files is not None:
            draft = replace(draft, facts={**draft.facts, "files": draft.files()}, files=None)
        for leaf in taken:
            if leaf.content is not None:
                leaf.hash = hash_of(memoryview(leaf.content))
        shared = self._shared(draft)
        for leaf in taken:
            self._known[leaf.key] = _known_after(self._known.get(leaf.key), leaf.hash, shared)
        if draft.registered is not None:
            self._left_to_prefix = _beyond_budget(taken, draft.registered)
        serialised = draft.graph()
        graph = Blob(hash_of(serialised), memoryview(serialised))
        with self.store.adding():
            new = self._new_blobs(graph, taken, draft.blobs)
            described = self._describe(draft, graph, taken, sum(blob.size_bytes for blob in new))
            lost = self.store.missing(described.hashes()) - {blob.hash for blob in new}
            if lost and draft.is_follower:
                raise _Apart
            if lost:
                raise StoreError(f"{len(lost)} blobs have gone from {self.store.folder} during the run.")
            self.size_bytes += described.size_bytes
            return self.store.keep(described, new)

    def _shared(self, draft: Draft) -> set[str]:
        """What another rank has kept of the same moment."""
        if not draft.is_follower:
            return set()
        if self._following is None:
            self._following = Following(self.store.folder, draft.run)
        return self._following.hashes_at(draft.entry)

    def _new_blobs(self, graph: Blob, taken: list[_Taken], others: Mapping[str, bytes]) -> list[Blob]:
        blobs = {graph.hash: graph}
        blobs |= {digest: Blob(digest, memoryview(content)) for digest, content in others.items()}
        for leaf in taken:
            if leaf.content is not None and leaf.hash not in self._left_to_prefix:
                blobs[leaf.hash] = Blob(leaf.hash, memoryview(leaf.content))
        missing = self.store.missing(set(blobs))
        return [blob for digest, blob in blobs.items() if digest in missing]

    def _describe(self, draft: Draft, graph: Blob, taken: list[_Taken], new_bytes: int) -> Manifest:
        return Manifest(
            format=FORMAT_VERSION,
            run=draft.run,
            rank=draft.rank,
            process=draft.process,
            entry=draft.entry,
            position=draft.position,
            seq=draft.seq,
            ts=draft.ts,
            graph=graph.hash,
            graph_bytes=graph.size_bytes,
            leaves=[
                LeafRecord(leaf.hash, leaf.size_bytes, leaf.hash not in self._left_to_prefix)
                for leaf in taken
            ],
            opaque=draft.opaque,
            around=draft.around,
            facts=draft.facts,
            new_bytes=new_bytes,
        )

    def _return_buffers(self, taken: list[_Taken]) -> None:
        for leaf in taken:
            if isinstance(leaf.content, bytearray):
                self._pool.give_back(leaf.content)
        known = (self._known.get(leaf.key) for leaf in taken)
        self._pool.trim(
            {leaf.size_bytes for leaf, seen in zip(taken, known, strict=True) if not _is_shared(seen)}
        )


def _key(leaf: Leaf) -> tuple[int, int]:
    address = leaf.address if leaf.device == "cpu" else leaf.source.data_ptr()
    return address, leaf.size_bytes


def _known_after(before: _Known | None, digest: str, shared: set[str]) -> _Known:
    """What is known of a leaf that has this hash now."""
    if before is None:
        return _Known(digest, is_steady=False)
    is_steady = before.hash == digest
    return _Known(digest, is_steady, digest in shared and (before.is_shared or not is_steady))


def _is_shared(known: _Known | None) -> bool:
    return known is not None and known.is_shared


def _beyond_budget(taken: list[_Taken], registered: Collection[int]) -> set[str]:
    """The hashes of unregistered leaves that do not fit into the budget, smallest first."""
    kept = {taken[number].hash for number in registered}
    others = sorted((leaf for leaf in taken if leaf.hash not in kept), key=lambda leaf: leaf.size_bytes)
    total, beyond = 0, set()
    for leaf in others:
        total += leaf.size_bytes
        if total > PREFIX_BUDGET_BYTES:
            beyond.add(leaf.hash)
    return beyond
