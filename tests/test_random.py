"""keras.random: known answers, distributions, seeds, threads. Seeds are fixed: no test depends on luck."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import random
from fastkeras.engine import Function, GradientTape, convert_to_tensor, primitive

N = 200_000


def words(key, n):
    return primitive("random_bits")(convert_to_tensor(np.array(key, "uint32")), shape=[n]).numpy()


def philox(counter, key):
    """Philox4x32-10, from the paper."""
    mask = 0xFFFFFFFF
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & mask, (p0 >> 32) ^ c[3] ^ k1, p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c


def test_the_reference_knows_the_published_answers():
    """kat_vectors of Random123, the authors' library."""
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    digits_of_pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    assert philox(digits_of_pi, [0xA4093822, 0x299F31D0]) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("key", [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0xA4093822, 0x299F31D0)])
def test_words_are_philox(key, isa):
    """Element i is word (i % 64) / 16 of counter 16 (i / 64) + i % 16."""
    expected = [philox([i // 64 * 16 + i % 16, 0, 0, 0], key)[i % 64 // 16] for i in range(300)]
    assert words(key, 300).tolist() == expected


DRAWS = {
    "uniform": lambda n, seed: random.uniform((n,), seed=seed),
    "normal": lambda n, seed: random.normal((n,), seed=seed),
    "truncated_normal": lambda n, seed: random.truncated_normal((n,), seed=seed),
    "float64": lambda n, seed: random.normal((n,), dtype="float64", seed=seed),
    "truncated64": lambda n, seed: random.truncated_normal((n,), dtype="float64", seed=seed),
    "randint": lambda n, seed: random.randint((n,), 0, 1000, seed=seed),
    "dropout": lambda n, seed: random.dropout(np.ones(n, "float32"), 0.3, seed=seed),
    "gamma": lambda n, seed: random.gamma((n,), 0.7, seed=seed),
    "binomial": lambda n, seed: random.binomial((n,), 20.0, 0.3, seed=seed),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_same_bits_for_any_number_of_threads_and_any_length(draw, isa, set_threads):
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(draw(50_001, 7).numpy())
    assert results[0].tobytes() == results[1].tobytes()
    for n in (1, 17, 100, 20_000):
        assert draw(n, 7).numpy().tobytes() == results[0][:n].tobytes()
    assert draw(50_001, 8).numpy().tobytes() != results[0].tobytes()


def kolmogorov(sample, distribution):
    """sqrt(n) times the largest distance from the distribution function; above 1.95 for one true sample in 1,000."""
    x = np.sort(sample.astype("float64"))
    f = distribution(x)
    n = len(x)
    return math.sqrt(n) * max((np.arange(1, n + 1) / n - f).max(), (f - np.arange(n) / n).max())


def phi(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(dtype, isa):
    n = 40_000
    sample = random.uniform((n,), -2.0, 5.0, dtype=dtype, seed=1)
    assert sample.dtype == dtype
    assert kolmogorov(sample.numpy(), lambda x: (x + 2) / 7) < 1.95
    assert kolmogorov(random.normal((n,), 3.0, 2.0, dtype=dtype, seed=2).numpy(), lambda x: phi((x - 3) / 2)) < 1.95
    low, high = phi(-2.0), phi(2.0)
    cut = random.truncated_normal((n,), 3.0, 0.5, dtype=dtype, seed=3).numpy()
    assert abs(cut - 3).max() <= 1.0
    assert kolmogorov(cut, lambda x: (phi((x - 3) / 0.5) - low) / (high - low)) < 1.95


def test_neighbours_and_pairs_are_independent(isa):
    """Box-Muller makes elements in pairs, 16 apart."""
    z = random.normal((N,), seed=4).numpy().astype("float64")
    for lag in (1, 2, 15, 16, 17, 32, 64):
        assert abs(np.mean(z[:-lag] * z[lag:])) < 4 / math.sqrt(N)
        assert abs(np.mean((z[:-lag] ** 2 - 1) * (z[lag:] ** 2 - 1))) < 4 * 2 / math.sqrt(N)


def test_moments_of_normal(isa):
    z = random.normal((N,), seed=5).numpy().astype("float64")
    assert abs(z.mean()) < 4 / math.sqrt(N)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / N)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / N)
    assert 4 < abs(z).max() < 7


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (1.0, 1.0 + 2**-20), (-1e-30, 0.0), (5.0, 5.0)])
def test_uniform_stays_below_maxval(bounds, isa):
    x = random.uniform((N,), *bounds, seed=6).numpy()
    assert x.min() >= np.float32(bounds[0])
    assert (x < np.float32(bounds[1])).all() or bounds[0] == bounds[1] == x.max()


def test_randint():
    x = random.randint((N,), -3, 5, seed=7)
    assert x.dtype == "int32"
    counts = np.bincount(x.numpy() + 3, minlength=8)
    assert len(counts) == 8
    assert ((counts - N / 8) ** 2 / (N / 8)).sum() < 24.3  # chi-square, 7 degrees of freedom: 1 in 1,000
    huge = random.randint((1000,), -(2**62), 2**62, dtype="int64", seed=8).numpy()
    assert huge.min() < -(2**61) and huge.max() > 2**61
    assert random.randint((100,), 0, 256, dtype="uint8", seed=8).dtype == "uint8"


@pytest.mark.parametrize(("alpha", "n"), [(0.1, N), (0.7, N), (1.0, N), (4.5, N), (1000.0, N)])
def test_gamma(alpha, n):
    x = random.gamma((n,), alpha, dtype="float64", seed=9).numpy()
    assert (x >= 0).all()
    assert abs(x.mean() - alpha) < 4 * math.sqrt(alpha / n)
    assert abs(x.var() - alpha) < 4 * math.sqrt((2 + 6 / alpha) / n) * alpha
    if alpha == 1.0:
        assert kolmogorov(x[:40_000], lambda t: 1 - np.exp(-t)) < 1.95


def test_beta():
    x = random.beta((N,), 2.0, 3.0, dtype="float64", seed=10).numpy()
    assert kolmogorov(x[:40_000], lambda t: 6 * t**2 - 8 * t**3 + 3 * t**4) < 1.95
    tiny = random.beta((10_000,), 1e-3, 1e-3, seed=11).numpy()  # both gamma variates underflow more often than not
    assert np.isfinite(tiny).all() and abs(tiny.mean() - 0.5) < 0.03
    assert random.beta((2, 3), [1.0, 2.0, 3.0], 1.0, seed=1).shape == (2, 3)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (20, 0.1), (20, 0.9), (1000, 0.004), (1000, 0.3), (100_000, 0.77)])
def test_binomial(n, p):
    x = random.binomial((N,), float(n), p, dtype="float64", seed=12).numpy()
    assert (x == np.floor(x)).all() and x.min() >= 0 and x.max() <= n
    variance = n * p * (1 - p)
    assert abs(x.mean() - n * p) < 4 * math.sqrt(variance / N)
    assert abs(x.var() - variance) < 5 * variance * math.sqrt((2 + 1 / variance) / N)
    if n == 20:
        chance = np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])
        counts = np.bincount(x.astype(int), minlength=n + 1)
        common = chance * N > 20
        assert ((counts - chance * N) ** 2 / (chance * N))[common].sum() < 40


def test_binomial_and_gamma_of_impossible_parameters():
    assert np.isnan(random.binomial((3,), [-1.0, 5.0, np.inf], [0.5, 1.5, 0.5], seed=1).numpy()).all()
    assert random.binomial((2,), 7.0, [0.0, 1.0], seed=1).numpy().tolist() == [0.0, 7.0]
    assert np.isnan(random.gamma((2,), [-1.0, 0.0], seed=1).numpy()).all()
    assert np.isinf(random.gamma((1,), np.inf, seed=1).numpy()).all()


def test_categorical():
    p = np.array([[0.2, 0.0, 0.5, 0.3], [0.25] * 4])
    with np.errstate(divide="ignore"):
        x = random.categorical(np.log(p).astype("float32") + 100, N, seed=13)
    assert x.shape == (2, N) and x.dtype == "int32"
    for row, chance in zip(x.numpy(), p, strict=True):
        counts = np.bincount(row, minlength=4)
        assert (counts[chance == 0] == 0).all()
        seen = chance > 0
        assert ((counts - chance * N)[seen] ** 2 / (chance * N)[seen]).sum() < 16.3
    assert random.categorical([[0.0, 1.0]], 5, dtype="int64", seed=1).dtype == "int64"
    with pytest.raises(ValueError, match="should be a 2-D tensor"):
        random.categorical([0.0, 1.0], 5, seed=1)


def test_shuffle():
    x = np.arange(1000).reshape(100, 10)
    y = random.shuffle(x, seed=14).numpy()
    assert (y != x).any() and (np.sort(y[:, 0]) == x[:, 0]).all() and (y - y[:, :1] == np.arange(10)).all()
    columns = random.shuffle(x, axis=1, seed=14).numpy()
    assert (np.sort(columns[0]) == x[0]).all() and (columns[0] != x[0]).any()
    # All 24 orders of four are equally likely.
    orders = [tuple(random.shuffle([0, 1, 2, 3], seed=s).numpy()) for s in range(2400)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24 and ((counts - 100) ** 2 / 100).sum() < 49.7


# --- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_dropout(rate, isa):
    x = np.random.RandomState(0).uniform(1, 2, N).astype("float32")
    y = random.dropout(x, rate, seed=15).numpy()
    kept = y != 0
    assert abs(kept.mean() - (1 - rate)) < 4 * math.sqrt(rate * (1 - rate) / N)
    np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-6)


def test_dropout_drops_what_is_not_finite(isa):
    y = random.dropout(np.full(1000, np.nan, "float32"), 0.5, seed=16).numpy()
    assert set(np.isnan(y)) == {False, True} and (y[~np.isnan(y)] == 0).all()


def test_dropout_gradient_uses_the_same_mask(isa):
    for n in (5, 128, 4097):
        x = convert_to_tensor(np.ones(n, "float32"))
        with GradientTape() as tape:
            tape.watch(x)
            y = random.dropout(x, 0.25, seed=17)
        assert tape.gradient(y, x).numpy().tolist() == y.numpy().tolist()


def test_dropout_edges():
    x = np.ones((4, 6), "float32")
    assert random.dropout(x, 0.0, seed=1).numpy().tolist() == x.tolist()
    assert (random.dropout(x, 1.0, seed=1).numpy() == 0).all()
    rows = random.dropout(np.ones((1000, 6), "float32"), 0.5, noise_shape=(None, 1), seed=1).numpy()
    assert (rows == rows[:, :1]).all() and 400 < (rows[:, 0] == 2).sum() < 600
    for rate in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"\[dropout\] rate must be in \[0, 1\]"):
            random.dropout(x, rate)
    with pytest.raises(ValueError, match="one entry per dimension"):
        random.dropout(x, 0.5, noise_shape=(4,))
    half = random.dropout(keras.ops.cast(x, "bfloat16"), 0.5, seed=1)
    assert half.dtype == "bfloat16"


# --- seeds -----------------------------------------------------------------------------------------------------------


def test_seeds():
    a, b = random.normal((5,), seed=1).numpy(), random.normal((5,), seed=1).numpy()
    assert a.tolist() == b.tolist() != random.normal((5,), seed=2).numpy().tolist()
    for big in (2**32, -1, 2**64 - 1):
        assert random.normal((5,), seed=big).numpy().tolist() != a.tolist()
    assert random.normal((5,), seed=np.int64(1)).numpy().tolist() == a.tolist()
    with pytest.raises(ValueError, match="must be either an integer or an instance of `SeedGenerator`"):
        random.normal((5,), seed="1")


def test_seed_generator():
    one, two = random.SeedGenerator(3), random.SeedGenerator(3)
    first, second = [random.normal((5,), seed=one).numpy().tolist() for _ in range(2)]
    assert first != second
    assert [random.normal((5,), seed=two).numpy().tolist() for _ in range(2)] == [first, second]
    assert one.next().numpy().tolist() == [3, 2]
    assert one.state.dtype == "uint32" and one.state.shape == (2,) and not one.state.trainable
    assert one.state.path == f"{one.name}/seed_generator_state"
    assert random.SeedGenerator.from_config(one.get_config()).next().numpy().tolist() == [3, 0]
    assert random.SeedGenerator().get_config()["seed"] is None
    jumps = [one.next(ordered=False).numpy().tolist() for _ in range(3)]
    assert jumps[1] == [(jumps[0][0] + 1) * 5387 % 933199, (jumps[0][1] + 1) * 5387 % 933199]
    for bad in ("1", 1.5, True):
        with pytest.raises(ValueError, match="must be an integer"):
            random.SeedGenerator(bad)
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        random.SeedGenerator(1, unknown=2)


def test_global_seed():
    def draw():
        keras.utils.set_random_seed(11)
        return [random.uniform((3,)).numpy().tolist() for _ in range(2)]

    first = draw()
    assert first == draw() and first[0] != first[1]


def test_a_compiled_function_draws_anew_at_every_run():
    generator = random.SeedGenerator(5)
    step = Function(lambda x: x + random.normal((4,), seed=generator))
    eager = random.SeedGenerator(5)
    x = np.zeros(4, "float32")
    for _ in range(3):
        assert step(x).numpy().tolist() == random.normal((4,), seed=eager).numpy().tolist()
    unseeded = Function(lambda x: x + random.normal((4,)))
    assert unseeded(x).numpy().tolist() != unseeded(x).numpy().tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.uniform((2,), dtype="int32"), "requires a floating point `dtype`"),
        (lambda: random.normal((2,), dtype="int32"), "requires a floating point `dtype`"),
        (lambda: random.randint((2,), 0, 5, dtype="float32"), "requires an integer `dtype`"),
        (lambda: random.randint((2,), 5, 5), "minval must be less than maxval"),
        (lambda: random.randint((2,), 0, 257, dtype="uint8"), "the range must fit the dtype"),
        (lambda: random.randint((2,), -1, 5, dtype="uint8"), "the range must fit the dtype"),
        (lambda: random.uniform((-2,)), "-2"),
        (lambda: random.shuffle([1, 2], axis=1), "axis"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_draws_though_a_thread_of_its_parent_was_drawing():
    drawing, done = threading.Event(), threading.Event()

    def draw():
        with random._drawing:
            drawing.set()
            done.wait()

    thread = threading.Thread(target=draw)
    thread.start()
    drawing.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends a child that waits
        random.SeedGenerator(1).next()
        os._exit(0)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
