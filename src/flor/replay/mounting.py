"""A program that mounts a folder over another one, for one command alone, and becomes that command.

`python -I -S mounting.py PLAN COMMAND...`, by its path: it imports nothing of FlorDB. The plan is JSON, see
`Plan` in surroundings.py. What is mounted is seen by this process and its children only, and ends with them.
"""

import ctypes
import json
import os
import sys
from typing import Any

CANNOT_MOUNT = 96
"""The exit code where the system permits no mounts."""

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
_KEPT_FLAGS = {2: 0x2, 4: 0x4, 8: 0x8, 1024: 0x400, 2048: 0x800, 4096: 0x200000}
"""ST_* of statvfs to MS_* of mount: what a mount of another user's may not lose."""


def main(arguments: list[str]) -> None:
    """Mount, and become the command."""
    plan = json.loads(arguments[0])
    try:
        _separate()
        for cover in plan.get("covers", ()):
            _cover(cover["folder"], cover["source"], cover["names"])
        for bind in plan["binds"]:
            _bind(bind["source"], bind["target"], bind["is_read_only"])
        _mount(plan["tree"], plan["root"], _BIND | _RECURSIVE)
        os.chdir(plan["cwd"])
    except OSError as error:
        sys.stderr.write(f"{plan['tree']} cannot be mounted over {plan['root']}: {error}\n")
        sys.exit(CANNOT_MOUNT)
    os.execv(arguments[1], arguments[1:])  # noqa: S606  # a list of arguments, never text for a shell


def _separate() -> None:
    """Have mounts of our own from now on; where only root may, then as root of a space of our own."""
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(_NEW_MOUNTS)
    except PermissionError:
        _unshare(_NEW_USER | _NEW_MOUNTS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount("none", "/", _RECURSIVE | _PRIVATE)


def _cover(folder: str, source: str, names: list[str]) -> None:
    """Let a folder be seen in the place of another one, and in it what this one has under these names."""
    theirs = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    _mount(source, folder, _BIND | _RECURSIVE)
    for name in names:
        _mount(f"/proc/self/fd/{theirs}/{name}", os.path.join(folder, name), _BIND | _RECURSIVE)
    os.close(theirs)


def _bind(source: str, target: str, is_read_only: bool) -> None:
    _mount(source, target, _BIND | _RECURSIVE)
    if is_read_only:
        flags = os.statvfs(target).f_flag
        kept = sum(value for known, value in _KEPT_FLAGS.items() if flags & known)
        _mount("none", target, _BIND | _REMOUNT | _READ_ONLY | kept)


def _unshare(flags: int) -> None:
    _check(_LIBC.unshare(flags), "unshare")


def _mount(source: str, target: str, flags: int) -> None:
    _check(_LIBC.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None), target)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as opened:
        opened.write(text)


_LIBC: Any = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    main(sys.argv[1:])
