"""Which of the files that a program opens are its own data, and by what path a run knows them."""

import os
import site
import sys
from dataclasses import dataclass

from flor.project import Project

_FOLDERS = frozenset({".git", ".flor", "__pycache__", "site-packages", "dist-packages"})
_CODE = (".py", ".pyc", ".pyi", ".pyo", ".pyx", ".pth", ".so", ".dylib", ".dll", ".pyd")
_SYSTEM = (
    "/proc",
    "/dev",
    "/sys",
    "/run",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/System",
    "/Library",
)
_NO_DATA = frozenset({"matplotlib", "fontconfig", "pip", "kernels", "jedi", "torchinductor"})
"""In a cache folder: what libraries keep there for themselves."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders that tell a program's data from everything else it opens."""

    roots: tuple[str, ...]  # the project's root, as it is written and without links
    stores: tuple[str, ...]
    installed: tuple[str, ...]
    temporary: tuple[str, ...]

    @classmethod
    def of(cls, project: Project) -> "Places":
        """The places of a project and of this interpreter."""
        root = os.path.abspath(project.root)
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, site.getuserbase()}
        installed = {os.path.realpath(prefix) for prefix in prefixes} | prefixes
        # A project may lie in an environment, and an environment in a project.
        inner = {one for one in installed if not (root + "/").startswith(one.rstrip("/") + "/")}
        outer = {
            f"{one.rstrip('/')}/{part}"
            for one in installed - inner
            for part in ("bin", "lib", "include", "share")
        }
        return cls(
            _both(root),
            _both(os.path.abspath(project.home)),
            tuple(sorted(one.rstrip("/") for one in inner | outer)),
            tuple(path for folder in _temporary() for path in _both(folder)),
        )

    @property
    def root(self) -> str:
        """The project's root."""
        return self.roots[0]

    @property
    def is_listable(self) -> bool:
        """Whether everything below the root can be taken for the project's."""
        return self.root != "/" and os.path.realpath(os.path.expanduser("~")) not in self.roots

    def key(self, path: str, folder: str, *, is_written: bool) -> str | None:
        """A file's path as a run knows it, from the root or absolute; None if it is no data."""
        whole = os.path.normpath(os.path.join(folder, path))
        if not os.path.isabs(whole) or _is_below(whole, self.stores) or _is_below(whole, self.installed):
            return None
        inside = self._inside(whole) or self._inside(_without_links(whole))
        if not (is_written and inside) and (whole.endswith(_CODE) or ".so." in os.path.basename(whole)):
            return None
        if inside is not None:
            return None if not _FOLDERS.isdisjoint(inside.split("/")) or inside.endswith(".pyc") else inside
        return whole if self._is_data_elsewhere(whole, is_written=is_written) else None

    def whole(self, key: str) -> str:
        """The absolute path of a file that a run knows by this one."""
        return os.path.join(self.root, key)

    def _inside(self, whole: str) -> str | None:
        for root in self.roots:
            if whole.startswith(root + "/"):
                return whole[len(root) + 1 :]
        return None

    def _is_data_elsewhere(self, whole: str, *, is_written: bool) -> bool:
        if _is_below(whole, _SYSTEM) or not _FOLDERS.isdisjoint(whole.split("/")):
            return False
        if is_written and _is_below(whole, self.temporary):
            return False
        hidden = [part for part in whole.split("/") if part.startswith(".")]
        # Settings, histories and the like; downloaded weights and data lie in caches.
        is_cached = hidden == [".cache"] and not is_written and _NO_DATA.isdisjoint(whole.split("/"))
        return not hidden or is_cached


def _without_links(path: str) -> str:
    """The path with the links on the way to the file followed, but not the file itself."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _temporary() -> tuple[str, ...]:
    """Where temporary files may be; to ask `tempfile` would make one."""
    return (os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp")  # noqa: S108  (nothing is made there)


def _both(path: str) -> tuple[str, ...]:
    path = path.rstrip("/") or "/"
    real = os.path.realpath(path)
    return (path,) if real == path else (path, real)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)
