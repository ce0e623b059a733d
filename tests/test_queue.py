"""The tasks of a lane that wait: their order, and when they are looked at again."""

from __future__ import annotations

import pytest

from pytest_quantguard.engine.queue import Queue
from pytest_quantguard.engine.tasks import Answer, Task
from pytest_quantguard.types import CompletionRequest


def task(key):
    return Task(key, CompletionRequest(messages=()), Answer(key=key))


@pytest.fixture
def three():
    """A queue of three tasks, and the tasks."""
    queue, tasks = Queue(), [task(key) for key in "abc"]
    for one in tasks:
        queue.put(one)
    return queue, tasks


def taken(queue, now=0.0):
    """Take everything that is due."""
    return [one.key for one in iter(lambda: queue.take(now), None)]


def test_tasks_are_taken_in_the_order_in_which_they_came(three):
    """The cases stand in one order in all lanes, so that the arms are asked side by side."""
    queue, _ = three

    assert ["a", "b", "c"] == taken(queue)
    assert 0 == len(queue)


def test_an_urged_task_comes_first_and_once(three):
    """It stays at its place, too, where it is passed over."""
    queue, tasks = three
    queue.urge(tasks[2])

    assert ["c", "a", "b"] == taken(queue)


def test_a_task_that_is_done_is_passed_over(three):
    """The cache had it, or another process."""
    queue, tasks = three
    tasks[0].done.set()
    queue.drop_done()

    assert 2 == len(queue)
    tasks[1].done.set()
    assert ["c"] == taken(queue)


def test_a_postponed_task_waits_longer_each_time_up_to_a_limit():
    """Another process asks for the same: soon, and later five times a second."""
    queue, one = Queue(), task("a")
    waits = []
    for _ in range(12):
        queue.postpone(one, now=100.0)
        waits.append(queue.due_s(100.0))
        assert queue.take(100.0) is None
        assert one is queue.take(101.0)
        one.taken = False

    assert pytest.approx(0.02) == waits[0]
    assert pytest.approx(0.03) == waits[1]
    assert sorted(waits) == waits
    assert pytest.approx(0.2) == waits[-1]
    assert queue.due_s(100.0) is None


def test_a_postponed_task_goes_before_those_that_wait(three):
    """Its turn had come already."""
    queue, _ = three
    first = queue.take(0.0)
    first.taken = False
    queue.postpone(first, now=0.0)

    assert ["b", "c", "a"] == [one.key for one in queue]
    assert ["a", "b", "c"] == taken(queue, now=1.0)
