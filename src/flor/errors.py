"""Every error FlorDB raises on purpose.

* FlorError
  x ArgumentError
    - ArgumentNotSet
    - BadArgument
  x NotInRepository
  x GitError
  x RunNotFound           (also a LookupError)
  x CheckpointNotFound    (also a LookupError)
  x StateLost
  x ReentryRefused
  x CannotResume
  x VersionUnavailable
  x ExecutorUnavailable
  x QueryError
  x StoreError
    - FormatTooNew
    - Unreadable

* FlorWarning             (a UserWarning: the call goes on)

A message says what happened and where; the hint says what to do about it.
"""


class FlorError(Exception):
    """Something the user can mend: `message` says what happened, `hint` the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint


class ArgumentError(FlorError):
    """A named input of the run (`flor.arg`, `--kwargs`) is missing or malformed."""


class ArgumentNotSet(ArgumentError):
    """`flor.arg` found neither a value nor a default."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"flor.arg({name!r}) has no value and no default.",
            f"Give it a default, or run the script with --kwargs {name}=VALUE.",
        )


class BadArgument(ArgumentError):
    """A `--kwargs` pair cannot be read as the type of the argument's default."""


class NotInRepository(FlorError):
    """The operation needs a git repository and there is none here."""


class GitError(FlorError):
    """A git command failed; the message holds the command and what git said."""


class RunNotFound(FlorError, LookupError):
    """No run, or more than one, has this id, prefix or time stamp."""


class CheckpointNotFound(FlorError, LookupError):
    """The state at this point of the run was not kept; without a run: no state of any run."""

    def __init__(self, run: str = "", wanted: str = "", nearest: str = "") -> None:
        if not run:
            message = "No run of this project has kept its state, or none of them is whole."
            super().__init__(message, "`python -m flor checkpoints` lists what there is.")
            return
        hint = f"The nearest that was kept is {nearest}." if nearest else "None of this run was kept."
        super().__init__(f"Run {run} has no checkpoint at {wanted}.", hint)


class StateLost(FlorError):
    """An object that could not be put back after a restore was used."""


class ReentryRefused(FlorError):
    """A past moment of a run cannot be entered exactly; the message says why."""

    def __init__(self, message: str, hint: str = "", at: str = "") -> None:
        super().__init__(message, hint)
        self.at = at  # the entry point, on the way or wanted, at which it became clear


class CannotResume(FlorError):
    """A run cannot be gone on with; the message says why."""

    def __init__(self, run: str, reason: str, hint: str = "") -> None:
        super().__init__(f"Run {run} cannot be resumed: {reason}.", hint)


class VersionUnavailable(FlorError):
    """The code of a run cannot be put back as it was; the message says why."""


class WritesElsewhere(FlorError):
    """A run wrote outside of its project, where executing it again would change the user's files."""


class ExecutorUnavailable(FlorError):
    """There is nothing here that could run the commands in the way that was asked for."""


class QueryError(FlorError):
    """A predicate, column or SQL statement cannot be understood or run."""


class StoreError(FlorError):
    """The store cannot be written or read."""


class FormatTooNew(StoreError):
    """A file was written by a newer FlorDB than this one."""

    def __init__(self, path: object, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}; this FlorDB reads formats up to {known}.",
            "Upgrade it: pip install --upgrade flordb",
        )


class Unreadable(StoreError):
    """A file of the store is damaged: its content does not agree with its checksum."""


class FlorWarning(UserWarning):
    """Something is probably not meant so; the call goes on."""
