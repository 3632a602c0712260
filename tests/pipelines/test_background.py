"""Threads of pipelines: work ahead, end with their consumer, do not outlive a fork."""

import gc
import os
import threading
import time

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.data import AUTOTUNE, Dataset


def eventually(holds):
    """Does it come true within some seconds?"""
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.02)
    return False


def threads():
    gc.collect()
    return threading.active_count()


def test_prefetch_works_ahead_and_no_further():
    made = []
    iterator = iter(Dataset.range(10).map(lambda x: made.append(int(x)) or x).prefetch(3))
    assert int(next(iterator)) == 0
    assert eventually(lambda: made == [0, 1, 2, 3])
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]
    assert [int(x) for x in iterator] == list(range(1, 10))


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.prefetch(2),
        lambda d: d.map(lambda x: x + 1, num_parallel_calls=3),
        lambda d: d.map(lambda x: x + 1, num_parallel_calls=2).batch(2).prefetch(AUTOTUNE).repeat(),
        lambda d: Dataset.from_tensor_slices(np.arange(9)).shuffle(9).batch(2).prefetch(1).map(lambda x: x),
    ],
)
def test_threads_end_with_their_iterator(make):
    before = threads()
    dataset = make(Dataset.range(9).filter(lambda x: True))
    iterators = [iter(dataset) for _ in range(3)]
    for iterator in iterators:
        next(iterator), next(iterator)
    assert threads() > before
    del iterators, iterator
    assert eventually(lambda: threads() == before)
    list(dataset.take(5))
    assert eventually(lambda: threads() == before)


def test_parallel_calls_keep_the_order():
    def work(x):
        time.sleep(0.01 * (int(x) % 3))
        workers.add(threading.get_ident())
        return x

    workers = set()
    assert [int(x) for x in Dataset.range(20).map(work, num_parallel_calls=4)] == list(range(20))
    assert len(workers - {threading.get_ident()}) > 1


def test_threads_draw_different_numbers():
    draw = Dataset.range(300).map(lambda x: keras.random.uniform(()), num_parallel_calls=4)
    assert len({float(x) for x in draw}) == 300
    layer = keras.layers.RandomBrightness(1.0, value_range=(0, 1), seed=1)
    changed = Dataset.range(60).map(lambda x: layer(keras.ops.full((2, 2, 3), 0.5)), num_parallel_calls=4)
    assert len({float(x[0, 0, 0]) for x in changed}) > 25  # half of them end at 0 or 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_after_a_fork():
    dataset = Dataset.range(100).filter(lambda x: True).prefetch(2)
    iterator = iter(dataset)
    next(iterator)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        found = b""
        try:
            next(iterator)
        except RuntimeError as error:
            found = str(error).encode()[:60]
        os.write(write, found + b"|" + str(sum(int(x) for x in dataset)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() == "[data] an iterator whose threads work ahead does not outlive|4950"
    os.close(read), os.close(write)
    assert int(next(iterator)) == 1
