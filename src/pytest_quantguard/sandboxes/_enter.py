"""Shuts itself in, then becomes the interpreter inside: a program of its own, on Linux.

Run with a plan (marshalled, in hexadecimal) as its only argument, and without our package: it
must start fast. Every process here is ours until the last line; whatever fails before it ends with
the reason on standard error and exit code 125.

The way in (user_namespaces(7), pid_namespaces(7), pivot_root(2), "pivot_root(".", ".")"):
new namespaces; an empty file system with read-only views of what the interpreter needs; the old
one put away; a first process that does nothing but wait, so that all others die with it; no
privileges; a filter on system calls.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # what takes longer to import than all the rest to run stays out
    from typing import Any, NoReturn

# <linux/sched.h>, <sys/mount.h>, <sys/prctl.h>, <linux/mount.h>
_NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_SETATTR = -100, 0x8000, 442
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47
_NOBODY, _SIGKILL, _ENOSPC = 65534, 9, 28
# <linux/landlock.h>; the numbers of the calls are the same on all machines
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH, _LANDLOCK_REFER = 1, 1, 1 << 13
_LANDLOCK_SCOPES = 1 | 2  # abstract sockets, signals

UID = 1000
FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def main(plan: dict[str, Any]) -> NoReturn:
    """Carry out a plan of `namespaces` or `limits`."""
    if "view" in plan:
        privileged = _enter_namespaces()
    _call("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != plan["parent"]:
        os._exit(FAILED)  # nobody waits for this any more
    if "view" in plan:
        _new_world(plan["view"])
        _be_first_process(privileged=privileged)
    _drop_privileges()
    if "view" not in plan:
        _shut_out_of_others(plan["folder"])
    _filter_system_calls(plan["filter"])
    os.chdir("/tmp" if "view" in plan else plan["folder"])  # noqa: S108 - its own
    os.execve(plan["argv"][0], plan["argv"], plan["environment"])  # noqa: S606


# --- namespaces -----------------------------------------------------------------------------------


def _enter_namespaces() -> bool:
    """Enter new namespaces; return True where we may become nobody in them.

    Root maps itself, to be able to read what only root may read, and nobody, to be that in the
    end. Such a map has to be written from outside, by a second process.
    """
    uid, gid = os.geteuid(), os.getegid()  # asked later, they are nobody's
    if uid != 0:
        _unshare()
        _map_ourselves(uid, gid)
        return False
    go, done = os.pipe(), os.pipe()
    writer = os.fork()
    if writer == 0:
        _map_parent(go, done)
    _unshare()
    os.write(go[1], b"+")
    os.close(done[1])
    mapped = os.read(done[0], 1) == b"+"
    os.waitpid(writer, 0)
    for fd in (*go, done[0]):
        os.close(fd)
    if not mapped:  # a container whose root may be nobody but itself
        _map_ourselves(uid, gid)
    return mapped


def _map_parent(go: tuple[int, int], done: tuple[int, int]) -> NoReturn:
    os.close(go[1])
    os.closerange(0, 3)
    parent = os.getppid()
    if os.read(go[0], 1) == b"+":
        try:
            for kind in ("gid_map", "uid_map"):
                _write(f"/proc/{parent}/{kind}", f"0 0 1\n{UID} {_NOBODY} 1")
            os.write(done[1], b"+")
        finally:
            os._exit(0)
    os._exit(1)


def _map_ourselves(uid: int, gid: int) -> None:
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{UID} {uid} 1")
    _write("/proc/self/gid_map", f"{UID} {gid} 1")


def _unshare() -> None:
    try:
        _call("unshare", _NEW_NAMESPACES)
    except OSError as error:
        if error.errno != _ENOSPC:
            raise
        # The kernel's word for it is "No space left on device", and no disk is full.
        limits = "the limits in /proc/sys/user/max_*_namespaces are zero or used up"
        raise OSError(_ENOSPC, f"namespaces are switched off: {limits}", "unshare") from None


def _new_world(view: dict[str, Any]) -> None:
    """Replace the file system by an empty one with read-only views of the old one."""
    _mount("", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID, "size=64k,mode=755")  # noqa: S108
    os.mkdir("/tmp/old")  # noqa: S108
    _call("pivot_root", b"/tmp", b"/tmp/old")
    os.chdir("/")
    os.mkdir("/new")
    _mount("tmpfs", "/new", "tmpfs", _MS_NOSUID, "size=1m,mode=755")
    for path in view["folders"]:
        os.makedirs(f"/new{path}")
        _mount(f"/old{path}", f"/new{path}", "", _MS_BIND | _MS_REC)
    for path in view["files"]:
        os.makedirs(os.path.dirname(f"/new{path}"), exist_ok=True)
        os.close(os.open(f"/new{path}", os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(f"/old{path}", f"/new{path}", "", _MS_BIND)
    for path, target in view["links"]:
        os.makedirs(os.path.dirname(f"/new{path}"), exist_ok=True)
        os.symlink(target, f"/new{path}")
    for path in view["hidden"]:
        _mount("tmpfs", f"/new{path}", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=4k,mode=755")
    os.makedirs("/new/tmp", exist_ok=True)
    _read_only("/new")
    inside = f"size={view['tmp_mb']}m,nr_inodes=4096,mode=700,uid={UID},gid={UID}"
    _mount("tmpfs", "/new/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, inside)
    os.chdir("/new")
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def _read_only(path: str) -> None:
    """Make a mount and all below it read-only; Linux 5.12 and newer."""
    wanted = _MountAttributes(set=_MS_RDONLY | _MS_NOSUID)
    size = ctypes.sizeof(wanted)
    where = (_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE)
    _call("syscall", *where, ctypes.byref(wanted), size, name="mount_setattr")


def _be_first_process(*, privileged: bool) -> None:
    """Return in the second process of the new world; the first one waits, and takes all along."""
    alive = os.pipe()
    child = os.fork()
    if child:
        os.write(alive[1], b"+")
        _pass_on(child)
    _call("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    os.close(alive[1])
    if os.read(alive[0], 1) != b"+":
        os._exit(FAILED)  # our parent ended before it could take us along
    os.close(alive[0])
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    child = os.fork()
    if child:
        _pass_on(child)
    if privileged:
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)


def _pass_on(child: int) -> NoReturn:
    """Wait for a child, bury all others, and end as it ended."""
    os.closerange(0, 3)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


# --- privileges -----------------------------------------------------------------------------------


def _drop_privileges() -> None:
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)  # CLEAR_ALL; without privileges there are none
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last one, or not allowed to drop: then there is none to lose
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _call("capset", header, (ctypes.c_uint32 * 6)())


def _shut_out_of_others(folder: str) -> None:
    """Bar the way into other processes, where Landlock can: from Linux 5.19 on.

    In a domain of its own a process can look into none outside of it, whoever's that is: neither
    memory nor environment; from 6.12 on, nor signal one. A domain also bars moving files to another
    folder, so that is allowed in our own one (landlock(7); kernel documentation,
    userspace-api/landlock, "Ptrace restrictions").
    """
    version = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 2:
        return
    scoped = version >= 6
    handled = (ctypes.c_uint64 * 3)(_LANDLOCK_REFER, 0, _LANDLOCK_SCOPES if scoped else 0)
    size = ctypes.sizeof(handled) if scoped else 8
    rules = _call("syscall", _LANDLOCK_CREATE, ctypes.byref(handled), size, 0, name="landlock")
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    own = ctypes.byref(_Beneath(_LANDLOCK_REFER, opened))
    adding = (_LANDLOCK_ADD_RULE, rules, _LANDLOCK_PATH_BENEATH, own, 0)
    _call("syscall", *adding, name="landlock")
    _call("syscall", _LANDLOCK_RESTRICT, rules, 0, name="landlock")
    os.close(opened)
    os.close(rules)


def _filter_system_calls(instructions: list[list[int]]) -> None:
    if not instructions:
        return
    packed = b"".join(
        code.to_bytes(2, sys.byteorder)
        + bytes([true, false])
        + (operand if operand >= 0 else os.getpid()).to_bytes(4, sys.byteorder)
        for code, true, false, operand in instructions
    )
    memory = ctypes.create_string_buffer(packed, len(packed))
    program = _Filter(len(instructions), ctypes.addressof(memory))
    _call("prctl", _PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0)


# --- calling the kernel ---------------------------------------------------------------------------


def _call(function: str, *arguments: Any, name: str = "") -> int:
    words = (ctypes.c_long(one) if isinstance(one, int) else one for one in arguments)
    result: int = getattr(_libc, function)(*words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name or function)
    return result


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = (source.encode(), target.encode(), kind.encode())
    if _libc.mount(*texts, ctypes.c_ulong(flags), options.encode()) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"mount {source or 'all of'} {target}")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"write {path}") from None
    finally:
        os.close(fd)


if __name__ == "__main__":
    try:
        main(marshal.loads(bytes.fromhex(sys.argv[1])))  # noqa: S302 - our own words
    except OSError as problem:
        sys.stderr.write(f"{problem.filename}: {problem.strerror}\n")
        sys.stderr.flush()
        os._exit(FAILED)
