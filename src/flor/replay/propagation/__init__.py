"""Carries the probes of today's code into an old version of it. Pure: texts in, texts out."""

from flor.replay.propagation.driver import propagate
from flor.replay.propagation.results import Patch, PatchedFile, Propagated, Refusal

__all__ = ["Patch", "PatchedFile", "Propagated", "Refusal", "propagate"]
