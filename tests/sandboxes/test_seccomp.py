"""The filter on system calls, run by a small machine of our own: no kernel is asked."""

import pytest

from pytest_quantguard.sandboxes import _seccomp

ALLOWED, KILLED, REFUSED, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = sorted(ARCH)
COLUMNS = (("x86_64", 0), ("aarch64", 1))
# From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
TABLE = """
read 0 63, write 1 64, mmap 9 222, exit 60 93, openat 257 56, getrandom 318 278, clone 56 220,
clone3 435 435, execve 59 221, socket 41 198, socketpair 53 199, kill 62 129, tgkill 234 131,
tkill 200 130, ptrace 101 117, unshare 272 97, mount 165 40, prlimit64 302 261, bpf 321 280,
vmsplice 278 75, tee 276 77, splice 275 76, fcntl 72 25, ioctl 16 29, prctl 157 167,
setpriority 141 140, ioprio_set 251 30, sched_setparam 142 118, sched_setscheduler 144 119,
migrate_pages 256 238, move_pages 279 239
"""
ROWS = [row.split() for row in TABLE.split(",")]
NUMBERS = {machine: {row[0]: int(row[1 + column]) for row in ROWS} for machine, column in COLUMNS}
NUMBERS["x86_64"] |= {"fork": 57, "vfork": 58}  # arm64 has none
OWN = 4711


def verdict(rules, machine, name, *arguments, arch=None, extra=0):
    """Run a filter on one system call."""
    number = NUMBERS[machine].get(name, name)
    seen = {0: number + extra, 4: arch or ARCH[machine]}
    seen |= {16 + 8 * i: value for i, value in enumerate((*arguments, 0, 0, 0)[:3])}
    accumulator, place = 0, 0
    for _ in range(len(rules)):
        code, true, false, operand = rules[place]
        operand = OWN if operand == _seccomp.OWN_PID else operand
        place += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = seen[operand]
            continue
        holds = {
            0x15: accumulator == operand,
            0x35: accumulator >= operand,
            0x45: bool(accumulator & operand),
        }[code]
        place += true if holds else false
    raise AssertionError("the filter has no end")


@pytest.mark.parametrize("machine", MACHINES)
class TestRules:
    @pytest.mark.parametrize("name", ["read", "write", "mmap", "exit", "openat", "getrandom"])
    def test_ordinary_work_is_allowed(self, machine, name):
        """Reading, writing, memory and the end."""
        assert verdict(_seccomp.rules(machine), machine, name) == ALLOWED

    @pytest.mark.parametrize(
        "name", ["socket", "ptrace", "unshare", "mount", "bpf", "vmsplice", "tee", "move_pages"]
    )
    def test_what_no_answer_needs_is_refused(self, machine, name):
        """Network, debugging, the kernel's administration, and memory that no limit counts."""
        assert verdict(_seccomp.rules(machine), machine, name) == REFUSED

    def test_threads_are_allowed_and_processes_are_not(self, machine):
        """The flag of a thread makes the difference; clone3 hides its flags, and is unknown."""
        rules = _seccomp.rules(machine)

        assert verdict(rules, machine, "clone", 0x3D0F00) == ALLOWED
        assert verdict(rules, machine, "clone", 0x01200011) == REFUSED
        assert verdict(rules, machine, "clone", 0x4111) == REFUSED
        assert verdict(rules, machine, "clone3") == UNKNOWN
        for name in {"fork", "vfork"} & set(NUMBERS[machine]):
            assert verdict(rules, machine, name) == REFUSED

    def test_becoming_the_interpreter_is_allowed(self, machine):
        """The filter is there before the interpreter is."""
        assert verdict(_seccomp.rules(machine), machine, "execve") == ALLOWED

    def test_another_kind_of_machine_is_killed(self, machine):
        """A 32-bit call has other numbers, and would slip through."""
        assert verdict(_seccomp.rules(machine), machine, "read", arch=0x40000003) == KILLED

    def test_signals_are_for_oneself_where_others_can_be_seen(self, machine):
        """Where namespaces hide the others nothing has to be forbidden."""
        alone, among = _seccomp.rules(machine), _seccomp.rules(machine, others_visible=True)

        for name in ("kill", "tgkill", "prlimit64", "sched_setparam", "sched_setscheduler"):
            assert verdict(alone, machine, name, OWN + 1) == ALLOWED
            assert verdict(among, machine, name, OWN) == ALLOWED
            assert verdict(among, machine, name, 0) == ALLOWED
            assert verdict(among, machine, name, OWN + 1) == REFUSED
            assert verdict(among, machine, name, 0xFFFFFFFF) == REFUSED
        assert verdict(among, machine, "tkill", OWN) == REFUSED

    @pytest.mark.parametrize("name", ["setpriority", "ioprio_set"])
    def test_priorities_of_groups_and_users_are_left_alone(self, machine, name):
        """Their first argument says whether a number is a process, a group or a user."""
        assert verdict(_seccomp.rules(machine, others_visible=True), machine, name) == REFUSED
        assert verdict(_seccomp.rules(machine), machine, name) == ALLOWED

    @pytest.mark.parametrize(
        ("name", "arguments", "expected"),
        [
            ("fcntl", (3, 8, 1), REFUSED),  # F_SETOWN
            ("fcntl", (3, 10, 9), REFUSED),  # F_SETSIG
            ("fcntl", (3, 15, 0), REFUSED),  # F_SETOWN_EX
            ("fcntl", (3, 4, 0x2002), REFUSED),  # F_SETFL, O_ASYNC
            ("fcntl", (3, 4, 0x802), ALLOWED),  # F_SETFL, O_NONBLOCK
            ("fcntl", (8, 1, 0x2000), ALLOWED),  # F_GETFD of a file that has the number 8
            ("fcntl", (3, 1030, 0x2000), ALLOWED),  # F_DUPFD_CLOEXEC
            ("ioctl", (3, 0x8901, 0), REFUSED),  # FIOSETOWN
            ("ioctl", (3, 0x8902, 0), REFUSED),  # SIOCSPGRP
            ("ioctl", (3, 0x5452, 0), REFUSED),  # FIOASYNC
            ("ioctl", (3, 0x5412, 0), REFUSED),  # TIOCSTI
            ("ioctl", (3, 0x5401, 0), ALLOWED),  # TCGETS, which isatty asks
            ("ioctl", (0x8901, 0x541B, 0), ALLOWED),  # FIONREAD
            ("prctl", (1, 0, 0), REFUSED),  # PR_SET_PDEATHSIG
            ("prctl", (15, 1, 0), ALLOWED),  # PR_SET_NAME
        ],
    )
    def test_roundabout_ways_to_a_signal_are_shut(self, machine, name, arguments, expected):
        """Where others can be seen: owners of files, terminals, and the tie to the gate."""
        among = _seccomp.rules(machine, others_visible=True)

        assert verdict(among, machine, name, *arguments) == expected
        assert verdict(_seccomp.rules(machine), machine, name, *arguments) == ALLOWED

    def test_it_fits_into_the_kernel(self, machine):
        """No more than 4,096 instructions, and no jump over more than 255."""
        for rules in (_seccomp.rules(machine), _seccomp.rules(machine, others_visible=True)):
            assert len(rules) <= 4_096
            assert all(0 <= jump <= 255 for _, *jumps, _ in rules for jump in jumps)


def test_the_second_table_of_x86_is_refused():
    """x32 numbers name the same calls once more."""
    rules = _seccomp.rules("x86_64")

    assert verdict(rules, "x86_64", "read", extra=0x40000000) == REFUSED


def test_other_machines_are_not_guessed():
    """Where the numbers are not known there is no filter."""
    assert _seccomp.known("x86_64")
    assert _seccomp.known("aarch64")
    assert not _seccomp.known("riscv64")
