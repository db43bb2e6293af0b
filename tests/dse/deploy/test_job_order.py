"""The rule book of frames against one written down in another way: by the whole history."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.node.frames import BEGIN, CREDIT, DATA, END, FAIL, Frame
from dse.deploy.node.job_order import DRAINING, IDLE, RUNNING, JobOrder, OutOfOrder

EPOCH = 3


def frame(kind: int, job: int, sequence: int, chunks: int = 0, epoch: int = EPOCH) -> Frame:
    return Frame(kind, 0, job, epoch, sequence, memoryview(b""), chunks)


def may_come(history: list[Frame], new: Frame) -> bool:
    """Whether ``new`` may come after ``history``, looking at all of it."""
    begun = [index for index, old in enumerate(history) if old.kind == BEGIN]
    over = [index for index, old in enumerate(history) if old.kind in (END, FAIL)]
    is_open = len(begun) > len(over)
    if new.epoch != EPOCH or new.kind == CREDIT:
        return False
    if new.kind == BEGIN:
        return not is_open and all(new.job > history[index].job for index in begun) and new.job > 0
    if not is_open or new.job != history[begun[-1]].job:
        return False
    came = sum(old.chunks for old in history[begun[-1] :])
    wanted = history[begun[-1]].sequence
    if new.kind == DATA:
        return new.sequence == came and came + new.chunks <= wanted
    return new.kind == FAIL or new.sequence == came == wanted


frames = st.one_of(
    st.builds(frame, st.just(BEGIN), st.integers(0, 4), st.integers(0, 4)),
    st.builds(frame, st.just(DATA), st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)),
    st.builds(frame, st.sampled_from([END, FAIL]), st.integers(0, 4), st.integers(0, 4)),
    st.builds(frame, st.just(CREDIT), st.just(0), st.integers(0, 4)),
    st.builds(
        frame,
        st.just(DATA),
        st.integers(1, 3),
        st.integers(0, 3),
        st.integers(1, 2),
        st.integers(2, 4),
    ),
    st.builds(
        frame,
        st.sampled_from([BEGIN, END, FAIL]),
        st.integers(1, 3),
        st.integers(0, 3),
        st.just(0),
        st.integers(2, 4),
    ),
)


@given(st.lists(frames, max_size=30), st.sets(st.integers(0, 30)))
@settings(max_examples=400, deadline=None)
def test_what_may_come_comes_and_nothing_else(given_frames: list[Frame], fails: set[int]) -> None:
    order = JobOrder(EPOCH)
    history: list[Frame] = []
    for index, one in enumerate(given_frames):
        before = dict(vars(order))
        try:
            order.admit(one)
        except OutOfOrder:
            assert not may_come(history, one), (history, one)
            assert vars(order) == before, "a refused frame changed something"
        else:
            assert may_come(history, one), (history, one)
            history.append(one)
        assert (order.state == IDLE) == (
            sum(old.kind == BEGIN for old in history)
            == sum(old.kind in (END, FAIL) for old in history)
        )
        if index in fails and order.state == RUNNING:
            order.fail_here()
            assert order.state == DRAINING
            assert order.failed_here


@given(st.lists(st.integers(0, 5), max_size=6))
@settings(deadline=None)
def test_jobs_that_are_sent_as_they_should_be_all_pass(counts: list[int]) -> None:
    order = JobOrder(EPOCH)
    for job, count in enumerate(counts, 1):
        order.admit(frame(BEGIN, job, count))
        assert (order.state, order.job, order.chunks) == (RUNNING, job, count)
        for sequence in range(count):
            order.admit(frame(DATA, job, sequence, 1))
        order.admit(frame(END, job, count))
        assert order.state == IDLE
        assert order.next_sequence == count
