"""tf.data: what has no defined order, errors, files, and both ways that elements take; figures are in rows_data.py."""

import random

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.data import UNKNOWN_CARDINALITY, Dataset, Options, Strings, TensorSpec, TextLineDataset

STEPS = "shuffle repeat take skip batch unbatch rebatch shard map prefetch cache".split()


def ints(dataset):
    return [int(x) for x in dataset]


def arguments(step, r):
    """Arguments of a method, drawn."""
    shards = r.randint(1, 3)
    return {
        "shuffle": (r.randint(1, 15), r.randint(0, 5)),
        "repeat": (r.randint(0, 3),),
        "take": (r.randint(-1, 8),),
        "skip": (r.randint(-1, 8),),
        "batch": (r.randint(1, 5), r.random() < 0.3),
        "rebatch": (r.randint(1, 5), r.random() < 0.3),
        "shard": (shards, r.randint(0, shards - 1)),
        "map": (lambda x, y: (x + 1, y),),
        "prefetch": (r.randint(0, 2),),
    }.get(step, ())


def listed(dataset):
    try:
        return [(x.tolist(), y.tolist()) for x, y in dataset.as_numpy_iterator()]
    except ValueError as error:  # batches of batches of different sizes
        return str(error)


@pytest.mark.parametrize("seed", range(150))
def test_numbers_of_rows_go_the_way_of_elements(seed):
    """The same chain over arrays, whose rows are only numbered, and over elements one by one."""
    r = random.Random(seed)
    x = np.arange(r.randint(0, 12))
    signature = (TensorSpec((), "int64"), TensorSpec((), "float64"))
    chains = [
        Dataset.from_tensor_slices((x, x / 2)),
        Dataset.from_generator(lambda: zip(x, x / 2), output_signature=signature),
    ]
    depth = 0
    for step in r.choices(STEPS, k=r.randint(1, 6)):
        if step in ("unbatch", "rebatch") and not depth:
            continue
        depth += {"batch": 1, "unbatch": -1}.get(step, 0)
        given = arguments(step, r)
        chains = [getattr(chain, step)(*given) for chain in chains]
    for _ in range(2):
        rows, elements = map(listed, chains)
        assert rows == elements
        if isinstance(rows, list) and int(chains[0].cardinality()) >= 0:
            assert len(chains[0]) == len(rows)


@pytest.mark.parametrize("source", [Dataset.range(40), Dataset.range(40).filter(lambda x: True)])
def test_shuffle_draws_from_a_buffer(source):
    for size in (1, 5, 40, 100, UNKNOWN_CARDINALITY):
        first = ints(source.shuffle(size, seed=1))
        assert sorted(first) == list(range(40))
        if size == 5:  # nothing comes before the buffer reaches it
            assert all(value <= place + 4 for place, value in enumerate(first))
    assert ints(source.shuffle(1)) == list(range(40))
    assert ints(source.shuffle(10, seed=3)) == ints(source.shuffle(10, seed=3)) != ints(source.shuffle(10, seed=4))


@pytest.mark.parametrize("source", [Dataset.range(3), Dataset.range(3).filter(lambda x: True)])
def test_all_orders_are_equally_likely(source):
    passes = source.shuffle(3, seed=7)
    seen = [tuple(ints(passes)) for _ in range(600)]
    counts = [seen.count(order) for order in set(seen)]
    assert len(counts) == 6 and min(counts) > 65


def test_passes_and_seeds():
    again = Dataset.range(20).shuffle(20, reshuffle_each_iteration=False)
    assert ints(again) == ints(again)
    other = Dataset.range(20).shuffle(20)
    assert ints(other) != ints(other)
    twice = ints(Dataset.range(20).shuffle(20).repeat(2))
    assert sorted(twice[:20]) == sorted(twice[20:]) and twice[:20] != twice[20:]
    kept = Dataset.range(20).shuffle(20).cache()
    assert ints(kept) == ints(kept)
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        drawn.append(ints(Dataset.range(20).shuffle(20)) + ints(Dataset.random().take(3)))
    assert drawn[0] == drawn[1]


def test_a_dataset_does_not_change():
    dataset = Dataset.range(4)
    dataset.batch(2), dataset.take(1), dataset.map(lambda x: x + 1)
    assert ints(dataset) == [0, 1, 2, 3]
    x = np.arange(3.0)
    for row in Dataset.from_tensor_slices(x[:, None]).as_numpy_iterator():
        row += 100
    assert x.tolist() == [0, 1, 2]


def test_elements():
    for x, y in Dataset.from_tensor_slices(({"a": [1, 2]}, ["s", "t"])).take(1):
        assert x["a"].numpy() == 1 and x["a"].dtype == "int32" and x["a"].shape == ()
        assert y.numpy() == b"s" and y.dtype == "string" and y.shape == ()
    texts = Dataset.from_tensor_slices(["a", "b"]).batch(2).get_single_element()
    assert texts.numpy().tolist() == [b"a", b"b"] and len(texts) == 2
    assert (texts == "b").tolist() == [False, True] and (np.array(["a", "x"]) != texts).tolist() == [False, True]
    assert [(t + "!").numpy() for t in texts] == [b"a!", b"b!"] and ("<" + texts[0]).numpy() == b"<a"
    with pytest.raises(TypeError, match="holds strings"):
        Strings([1, 2])
    kinds = Dataset.from_tensor_slices((np.int8([1]), np.uint16([2]), np.float16([3]), [True]))
    assert [part.dtype for part in next(iter(kinds))] == ["int8", "int32", "float16", "bool"]


def test_functions_are_plain_python():
    seen = []

    def work(x):
        seen.append(int(x))
        return x * 2 if x > 1 else -x

    assert ints(Dataset.range(4).map(work).take(3)) == [0, -1, 4] and seen == [0, 1, 2]
    dataset = Dataset.from_tensors(1.0).repeat(50).map(lambda x: keras.random.uniform(()))
    assert len({float(x) for x in dataset}) == 50


class Mistake(Exception):
    pass


@pytest.mark.parametrize("settings", [{}, {"num_parallel_calls": 2}])
@pytest.mark.parametrize("ahead", [0, 2])
def test_errors_of_functions_come_out(settings, ahead):
    def work(x):
        if x == 2:
            raise Mistake("two")
        return x

    dataset = Dataset.range(4).map(work, **settings)
    assert ints(dataset.prefetch(ahead).ignore_errors()) == [0, 1, 3]
    assert ints(dataset.take(2)) == [0, 1]
    iterator = iter(dataset.prefetch(ahead))
    assert [int(next(iterator)) for _ in range(2)] == [0, 1]
    with pytest.raises(Mistake, match="two") as caught:
        next(iterator)
    if hasattr(caught.value, "add_note"):  # Python 3.11
        assert caught.value.__notes__[0].startswith("[map] in the function, of an element like TensorSpec(shape=(), ")

    def stop(x):
        raise StopIteration

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        list(Dataset.range(2).map(stop, **settings))


RANGE = Dataset.range(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RANGE.batch(0), ValueError, r"`batch_size` must be at least 1. Received: batch_size=0"),
        (lambda: RANGE.padded_batch(-1), ValueError, "batch_size=-1"),
        (lambda: RANGE.batch(2).rebatch([1, 0]), ValueError, "batch_size=0"),
        (lambda: RANGE.batch("2"), TypeError, "batch_size='2'"),
        (lambda: RANGE.shuffle(0), ValueError, "buffer_size=0"),
        (lambda: RANGE.prefetch(-2), ValueError, "buffer_size=-2"),
        (lambda: RANGE.shard(0, 0), ValueError, "num_shards=0"),
        (lambda: RANGE.shard(2, 2), ValueError, r"between 0 and 1 \(currently index = 2\)"),
        (lambda: RANGE.window(0), ValueError, "size=0"),
        (lambda: RANGE.map(3), ValueError, "Received: 3 "),
        (lambda: RANGE.map(lambda x: x, num_parallel_calls=0), ValueError, "num_parallel_calls=0"),
        (lambda: list(RANGE.filter(lambda x: x)), ValueError, "`predicate` must return"),
        (lambda: list(RANGE.flat_map(lambda x: x)), TypeError, "must return a `Dataset`"),
        (lambda: RANGE.apply(lambda d: 3), TypeError, "must return a `tf.data.Dataset`"),
        (lambda: list(RANGE.unbatch()), ValueError, "rank >= 1"),
        (lambda: Dataset.from_tensor_slices(3), ValueError, "rank >= 1"),
        (lambda: Dataset.from_tensor_slices((np.zeros(3), np.zeros(2))), ValueError, "Dimensions 3 and 2"),
        (lambda: Dataset.from_tensor_slices(np.array([1, None])), ValueError, "neither numbers nor strings"),
        (lambda: Dataset.from_generator(3), TypeError, "callable"),
        (lambda: Dataset.from_generator(list), TypeError, "output_signature"),
        (lambda: Dataset.range(), ValueError, "between 1 and 3"),
        (lambda: Dataset.zip(RANGE, 3), TypeError, "type <class 'int'>"),
        (lambda: Dataset.list_files("/nowhere/*"), ValueError, "No files matched pattern: /nowhere"),
        (lambda: Dataset.choose_from_datasets([], RANGE), ValueError, "should not be empty"),
        (lambda: list(Dataset.choose_from_datasets([RANGE], RANGE)), ValueError, "out of range: 1 >= 1"),
        (lambda: Dataset.sample_from_datasets([RANGE], [1, 2]), ValueError, r"len\(weights\)=2"),
        (lambda: len(RANGE.repeat()), TypeError, "infinite"),
        (lambda: len(RANGE.filter(lambda x: True)), TypeError, "unknown"),
        (lambda: RANGE.get_single_element(), ValueError, "more than one"),
        (lambda: RANGE.take(0).get_single_element(), ValueError, "was empty"),
        (lambda: RANGE.reduce(np.float32(0), lambda s, x: x), TypeError, "element types for the new state"),
        (lambda: list(RANGE.scan(0, lambda s, x: x)), TypeError, "pair"),
        (lambda: RANGE.group_by_window(int, lambda k, d: d), ValueError, "either"),
        (lambda: RANGE.bucket_by_sequence_length(len, [1], [1]), ValueError, "must equal"),
        (lambda: RANGE.snapshot("x"), AttributeError, "snapshot"),
        (lambda: TextLineDataset("a", compression_type="ZIP"), ValueError, "compression_type='ZIP'"),
        (lambda: list(TextLineDataset("/nowhere")), FileNotFoundError, "nowhere"),
        (lambda: list(RANGE.apply(keras.data.experimental.assert_cardinality(2))), ValueError, "contained more"),
        (lambda: list(RANGE.apply(keras.data.experimental.assert_cardinality(4))), ValueError, "contained fewer"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("yielded", "message"),
    [
        ([[1, 2]], r"shape \(2,\) where an element of shape \(3,\)"),
        ([["a", "b", "c"]], "could not be converted"),
        ([{"x": 1}], "could not be converted"),
    ],
)
def test_elements_of_generators_are_checked(yielded, message):
    with pytest.raises(TypeError, match=message):
        list(Dataset.from_generator(lambda: yielded, output_signature=TensorSpec((3,), "int32")))
    for other in ((TensorSpec((), "int32"),) * 4, {"y": TensorSpec((), "int32")}):
        with pytest.raises(TypeError, match="did not match the expected structure"):
            list(Dataset.from_generator(lambda: yielded, output_signature=other))


def test_batches_of_other_shapes():
    ragged = Dataset.from_generator(lambda: iter([[1], [2, 3]]), "int32")
    with pytest.raises(ValueError, match=r"component 0. First element had shape \[1\] and element 1 had shape \[2\]"):
        list(ragged.batch(2))
    with pytest.raises(ValueError, match=r"padded shape \(1,\) is not compatible with the shape \(2,\)"):
        list(ragged.padded_batch(2, padded_shapes=[1]))


def test_cache_in_a_file(tmp_path):
    calls = []

    def work(x):
        calls.append(int(x))
        return {"x": x * 1.5, "text": Strings(["a", "é" * int(x)]), "none": None, "pair": (x, x)}

    path = str(tmp_path / "kept")
    dataset = Dataset.range(3).map(work).cache(path)
    next(iter(dataset))
    assert list(tmp_path.iterdir()) == [] and calls == [0]
    first, second = list(dataset.as_numpy_iterator()), list(Dataset.range(0).cache(path).as_numpy_iterator())
    assert calls == [0, 0, 1, 2] and [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert str(first) == str(second) and first[2]["text"].tolist() == [b"a", "éé".encode()]
    (tmp_path / "other").write_bytes(b"nothing of ours\n")
    with pytest.raises(ValueError, match="no elements of a dataset"):
        list(Dataset.range(1).cache(str(tmp_path / "other")))


def test_cache_in_memory():
    calls = []
    dataset = Dataset.range(3).map(lambda x: calls.append(int(x)) or x).cache()
    next(iter(dataset))  # no whole pass
    assert ints(dataset.repeat(3)) == [0, 1, 2] * 3 and calls == [0, 0, 1, 2]


def test_lines(tmp_path):
    import gzip

    (tmp_path / "a.txt").write_bytes(b"one\r\n\ntwo")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"three\n"))
    assert [x.numpy() for x in TextLineDataset(str(tmp_path / "a.txt"))] == [b"one", b"", b"two"]
    assert [x.numpy() for x in TextLineDataset([str(tmp_path / "b.gz")], "GZIP")] == [b"three"]
    files = Dataset.list_files(str(tmp_path / "*"), shuffle=False)
    assert [x.numpy()[-5:] for x in files] == [b"a.txt", b"/b.gz"]
    assert len(list(TextLineDataset(files.take(1)))) == 3


def test_sampling():
    parts = [Dataset.range(100), Dataset.range(100, 1000).repeat()]
    drawn = ints(Dataset.sample_from_datasets(parts, [0.2, 0.8], seed=1).take(400))
    low = [x for x in drawn if x < 100]
    assert low == list(range(len(low))) and 50 < len(low) < 110
    short = [Dataset.range(3), Dataset.range(10, 12)]
    assert sorted(ints(Dataset.sample_from_datasets(short, seed=2))) == [0, 1, 2, 10, 11]
    stopped = [len(ints(Dataset.sample_from_datasets(short, None, seed, True))) for seed in range(5)]
    assert 1 < min(stopped) < 5


def test_options():
    options = Options()
    options.deterministic = False
    options.experimental_distribute.auto_shard_policy = keras.data.experimental.AutoShardPolicy.OFF
    dataset = Dataset.range(3).with_options(options).batch(2)
    assert dataset.options().deterministic is False and dataset.options().experimental_slack is None
    assert dataset.options().experimental_distribute.auto_shard_policy == -1
    assert ints(dataset.unbatch()) == [0, 1, 2]
    with pytest.raises(AttributeError, match="Cannot set the property nonsense"):
        options.nonsense = 1
    with pytest.raises(AttributeError, match="nonsense"):
        _ = options.nonsense


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [3, 4], "name": ["a", "b"], "size": [0.5, 1.5]})
    for x, y in Dataset.from_tensor_slices((dict(frame), frame["age"])).batch(2):
        assert x["name"].numpy().tolist() == [b"a", b"b"] and x["size"].dtype == "float64" and y.tolist() == [3, 4]
