"""What a program in a sandbox may not ask of the kernel: a filter on system calls.

A second wall behind namespaces, and most of the wall where there are none. It refuses what no
answer to a coding question needs: processes (threads stay), sockets, namespaces, mounts, other
processes' memory, and the parts of the kernel that were broken out of most often. Memory that no
limit of the process counts (System V, memfd, pages given to a pipe) is refused too, so that
``memory_mb`` is a bound.

The filter is classic BPF (Linux kernel documentation, userspace-api/seccomp_filter); the numbers
are those of the kernel's ``unistd`` tables.
"""

from __future__ import annotations

import platform

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: one ``struct sock_filter``."""

OWN_PID = -1
"""As an operand: the process that installs the filter puts its own number there."""

# name: number on x86-64, number on arm64 (0 where there is none)
_REFUSED = """
fork 57 0, vfork 58 0, socket 41 198, ptrace 101 117, process_vm_readv 310 270,
process_vm_writev 311 271, process_madvise 440 440, pidfd_open 434 434, pidfd_getfd 438 438,
pidfd_send_signal 424 424, kcmp 312 272, mount 165 40, umount2 166 39, pivot_root 155 41,
chroot 161 51, unshare 272 97, setns 308 268, fsopen 430 430, fsconfig 431 431, fsmount 432 432,
fspick 433 433, open_tree 428 428, move_mount 429 429, mount_setattr 442 442, bpf 321 280,
perf_event_open 298 241, userfaultfd 323 282, keyctl 250 219, add_key 248 217,
request_key 249 218, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
name_to_handle_at 303 264, open_by_handle_at 304 265, init_module 175 105, finit_module 313 273,
delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294, reboot 169 142,
swapon 167 224, swapoff 168 225, syslog 103 116, acct 163 89, quotactl 179 60,
quotactl_fd 443 443, settimeofday 164 170, clock_settime 227 112, adjtimex 159 171,
clock_adjtime 305 266, sethostname 170 161, setdomainname 171 162, iopl 172 0, ioperm 173 0,
modify_ldt 154 0, personality 135 92, memfd_create 319 279, memfd_secret 447 447, shmget 29 194,
shmat 30 196, semget 64 190, msgget 68 186, mq_open 240 180, vhangup 153 58,
lookup_dcookie 212 18, fanotify_init 300 262, nfsservctl 180 42, uselib 134 0, vmsplice 278 75,
tee 276 77, migrate_pages 256 238, move_pages 279 239, process_mrelease 448 448
"""
# Refused where no namespace hides the others: they name a group or a user, not only a process.
_FOR_OTHERS = "tkill 200 130, setpriority 141 140, ioprio_set 251 30"
# Allowed on the process itself only, where no namespace hides the others.
_OWN = """
kill 62 129, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240,
prlimit64 302 261, sched_setaffinity 203 122, sched_setscheduler 144 119, sched_setattr 314 274,
sched_setparam 142 118
"""
# There too: what makes the kernel signal whom the program likes, or type into a terminal; and
# what lets the program live on without us. From <fcntl.h>, <asm/ioctls.h>, <linux/prctl.h>.
_FCNTL, _F_SETFL, _O_ASYNC = (72, 25), 4, 0x2000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_IOCTL, _FIOASYNC, _FIOSETOWN, _SIOCSPGRP, _TIOCSTI = (16, 29), 0x5452, 0x8901, 0x8902, 0x5412
_PRCTL, _PR_SET_PDEATHSIG = (157, 167), 1
_CLONE, _CLONE3 = (56, 220), (435, 435)
_CLONE_THREAD = 0x10000

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH_*

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, (16, 24, 32)  # places in struct seccomp_data, low halves
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050000 | 1, 0x00050000 | 38
_X32 = 0x40000000  # the second table of x86-64, with numbers of its own


def known(machine: str | None = None) -> bool:
    """Tell whether the system calls of a kind of machine are known; of this one by default."""
    return (machine or platform.machine()) in _MACHINES


def rules(machine: str | None = None, *, others_visible: bool = False) -> list[Instruction]:
    """Return the filter for a kind of machine that is `known`.

    ``others_visible``: other processes can be seen, and have to be protected from signals.
    """
    column, arch = _MACHINES[machine or platform.machine()]
    found: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        found += _if(_AT_LEAST, _X32, [(_RETURN, 0, 0, _EPERM)])
    # glibc and musl turn to clone where there is no clone3, whose flags a filter cannot read.
    found += _if(_EQUAL, _CLONE3[column], [(_RETURN, 0, 0, _ENOSYS)])
    found += _if(_EQUAL, _CLONE[column], _unless(_ANY_BIT, _CLONE_THREAD))
    for number in _numbers(_REFUSED, column):
        found += _if(_EQUAL, number, [(_RETURN, 0, 0, _EPERM)])
    if others_visible:
        found += _among_others(column)
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _among_others(column: int) -> list[Instruction]:
    found: list[Instruction] = []
    for number in _numbers(_FOR_OTHERS, column):
        found += _if(_EQUAL, number, [(_RETURN, 0, 0, _EPERM)])
    for number in _numbers(_OWN, column):
        found += _if(_EQUAL, number, _unless(_EQUAL, OWN_PID, 0))
    owners = _when(1, _EQUAL, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX)
    flags = [(_LOAD, 0, 0, _ARGUMENTS[1]), *_if(_EQUAL, _F_SETFL, _when(2, _ANY_BIT, _O_ASYNC))]
    found += _if(_EQUAL, _FCNTL[column], [*owners, *flags, (_RETURN, 0, 0, _ALLOW)])
    controls = _when(1, _EQUAL, _FIOASYNC, _FIOSETOWN, _SIOCSPGRP, _TIOCSTI)
    found += _if(_EQUAL, _IOCTL[column], [*controls, (_RETURN, 0, 0, _ALLOW)])
    orphan = _when(0, _EQUAL, _PR_SET_PDEATHSIG)
    return [*found, *_if(_EQUAL, _PRCTL[column], [*orphan, (_RETURN, 0, 0, _ALLOW)])]


def _numbers(table: str, column: int) -> list[int]:
    entries = (entry.split() for entry in table.split(","))
    return [int(entry[1 + column]) for entry in entries if entry[1 + column] != "0"]


def _if(test: int, operand: int, then: list[Instruction]) -> list[Instruction]:
    return [(test, 0, len(then), operand), *then]


def _unless(test: int, *operands: int) -> list[Instruction]:
    """Allow when the first argument passes one of the tests, else refuse."""
    tests = [(test, len(operands) - i, 0, operand) for i, operand in enumerate(operands)]
    return [
        (_LOAD, 0, 0, _ARGUMENTS[0]),
        *tests,
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _when(argument: int, test: int, *operands: int) -> list[Instruction]:
    """Refuse when an argument passes one of the tests, else go on."""
    last = len(operands) - 1
    tests = [(test, last - i, int(i == last), operand) for i, operand in enumerate(operands)]
    return [(_LOAD, 0, 0, _ARGUMENTS[argument]), *tests, (_RETURN, 0, 0, _EPERM)]
