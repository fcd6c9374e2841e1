"""The values that pass between FlorDB's parts: frozen, and free of I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, NewType

RunId = NewType("RunId", str)

FORMAT_VERSION = 1
"""Version of every on-disk format; a reader refuses a higher one."""


class Status(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Kind(IntEnum):
    """The type of one recorded value; the names in lower case stand in column `kind`."""

    NULL = 0
    BOOL = 1  # vi: 0 or 1
    INT = 2  # vi; vs in decimal where 64 bits do not suffice
    FLOAT = 3  # vf
    TEXT = 4  # vs
    BYTES = 5  # vs: base64
    JSON = 6  # vs: JSON; what JSON lacks is tagged, see runs/values.py
    DATETIME = 7  # vs: ISO 8601
    DATE = 8  # vs: ISO 8601
    BLOB = 9  # vs: JSON of a BlobReference
    REPR = 10  # vs: repr() of a value that could not be kept


class Source(IntEnum):
    """How a row came to be; the names in lower case stand in column `source`."""

    LOG = 0  # flor.log
    ARG = 1  # flor.arg
    LOOP = 2  # the value of one iteration (no name); not a row of `logs`
    STDOUT = 3  # captured console output (no name); not a row of `logs`
    STDERR = 4
    REPLAY = 5  # flor.log, answered in hindsight
    SUPERSEDED = 6  # any of the others, executed again when the run was resumed; only kept to be looked at


class Verdict(StrEnum):
    """How sure a value is that was logged in hindsight."""

    VERIFIED = "verified"  # a state reached later, or an audit, agreed with the run
    UNVERIFIED = "unverified"
    DIVERGED = "diverged"  # something came out differently than in the run


class FileState(StrEnum):
    """What reading a file of the store through found."""

    WHOLE = "whole"
    GROWING = "growing"  # ends in a part that its process is still writing
    TORN = "torn"  # the end is missing; what comes before it is read
    DAMAGED = "damaged"
    NEWER = "newer"  # written by a newer FlorDB than this one

    @property
    def is_loss(self) -> bool:
        """Whether something that was written cannot be read."""
        return self in (FileState.TORN, FileState.DAMAGED)


@dataclass(frozen=True, slots=True)
class Version:
    """The code a run executed, as a commit on the shadow branch."""

    commit: str
    tree: str
    branch: str
    base: str | None  # the user's HEAD at the start of the run; None if unborn
    left_out: tuple[str, ...] = ()  # "path: reason" for what the commit does not hold


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a script."""

    run: RunId
    projid: str
    tstamp: datetime  # UTC, naive, microseconds; unique in the project
    filename: str
    status: Status
    rank_count: int
    duration_s: float | None  # None while unknown (running or killed without a record)
    args: Mapping[str, Any]
    values: Mapping[str, Any]  # last value of each logged name, at any depth, rank 0
    version: str | None  # commit on the shadow branch; None: "no code version"
    tree: str | None
    base: str | None  # the user's HEAD
    branch: str | None
    argv: tuple[str, ...]
    cwd: str
    user: str
    host: str
    pid: int
    parent: RunId | None
    environment: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)  # read and written; see runs/files.py
    left_out: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # what FlorDB itself could not do during the run
    resumed: tuple[str, ...] = ()  # the entry points at which it was gone on with after it had ended

    @property
    def code(self) -> Version | None:
        """The version of its code, if it has one."""
        if self.version is None or self.tree is None or self.branch is None:
            return None
        return Version(self.version, self.tree, self.branch, self.base, self.left_out)


@dataclass(frozen=True, slots=True)
class BlobReference:
    """A value kept outside the records, in `.flor/blobs`, under the hash of its bytes."""

    hash: str
    shape: tuple[int, ...]
    dtype: str
    format: str  # "npy" or "png"
    size_bytes: int
