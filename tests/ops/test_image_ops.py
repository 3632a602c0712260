"""ops.image compiled, under the tape, in models and where it refuses; reference/rows_distortions.py has its values."""

import numpy as np
import pytest

import fastkeras
from fastkeras import engine
from fastkeras.ops import image

RNG = np.random.RandomState(0)
X, Y = RNG.uniform(size=(2, 2, 6, 7, 2)).astype("float32")
CORNERS = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], "float32")
MOVED = CORNERS + RNG.uniform(-1, 1, (2, 4, 2)).astype("float32")
PAIR = np.array([1.3, 0.7], "float32")

CASES = {  # function, tensors, those of them that gradients are checked for
    "gaussian_blur": (lambda x, s: image.gaussian_blur(x, (3, 5), s), (X, PAIR), (0, 1)),
    "sobel_edges": (image.sobel_edges, (X,), (0,)),
    "ssim": (lambda x, y: image.ssim(x, y, filter_size=3), (X, Y), (0, 1)),
    "scale_and_translate": (
        lambda x, s, t: image.scale_and_translate(x, (2, 8, 5, 2), s, t, (1, 2), "cubic"),
        (X, PAIR, PAIR - 1),
        (0, 1, 2),
    ),
    "perspective_transform": (image.perspective_transform, (X, np.stack([CORNERS] * 2), MOVED), (0,)),
    "elastic_transform": (lambda x, a: image.elastic_transform(x, a, 1.3, seed=3), (X, np.float32(0.1)), (0, 1)),
    "extract_patches_3d": (lambda x: image.extract_patches_3d(x[:, None], (1, 2, 2)), (X,), (0,)),
}


@pytest.mark.parametrize("name", CASES)
def test_compiled_functions_compute_the_same(name):
    function, tensors, _ = CASES[name]
    tensors = [fastkeras.ops.convert_to_tensor(t) for t in tensors]
    compiled = engine.Function(function)(*tensors).numpy()
    np.testing.assert_allclose(compiled, function(*tensors).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, arrays, checked = CASES[name]
    tensors = [fastkeras.ops.convert_to_tensor(a) for a in arrays]
    weights = RNG.__class__(1).normal(size=function(*tensors).shape).astype("float32")
    with engine.GradientTape() as tape:
        for t in tensors:
            tape.watch(t)
        total = fastkeras.ops.sum(function(*tensors) * weights)
    gradients = tape.gradient(total, tensors)
    for i in checked:
        way = RNG.__class__(2).normal(size=arrays[i].shape).astype("float32")
        ends = []
        for step in (4e-3, -4e-3):
            moved = [np.asarray(a + step * way if j == i else a, "float32") for j, a in enumerate(arrays)]
            ends.append((function(*moved).numpy().astype("float64") * weights).sum())
        slope = (ends[0] - ends[1]) / 8e-3
        np.testing.assert_allclose((gradients[i].numpy() * way).sum(), slope, rtol=0.02, atol=2e-3)


def test_in_a_functional_model_and_its_file(tmp_path):
    x = fastkeras.Input((6, 7, 2))
    volumes = fastkeras.ops.expand_dims(x, 1)
    outputs = [
        image.gaussian_blur(x, (3, 5)),
        image.sobel_edges(x),
        image.ssim(x, x * x, filter_size=3),
        image.perspective_transform(x, CORNERS, MOVED[0]),
        image.scale_and_translate(x, (None, 8, 5, 2), PAIR, 1 - PAIR, (1, 2), "linear"),
        image.elastic_transform(x, seed=1),
        image.extract_patches_3d(volumes, (1, 2, 3)),
    ]
    shapes = [(6, 7, 2), (6, 7, 2, 2), (), (6, 7, 2), (8, 5, 2), (6, 7, 2), (1, 3, 2, 12)]
    assert [y.shape for y in outputs] == [(None, *shape) for shape in shapes]
    model = fastkeras.Model(x, outputs)
    model.save(tmp_path / "model.keras")
    again = fastkeras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model.predict(X, verbose=0), again.predict(X, verbose=0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_elastic_fields_are_smooth_and_of_their_own_down_and_right():
    height = width = 40
    down, right = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = np.broadcast_to(np.stack([down, right], -1), (200, height, width, 2)).astype("float32")
    moves = (image.elastic_transform(places, 2.0, 3.0, fill_mode="nearest", seed=5).numpy() - places)[:, 9:-9, 9:-9]
    flat = moves.reshape(-1, 2)
    assert abs(np.corrcoef(flat.T)[0, 1]) < 0.1
    # Noise of deviation 3, blurred by a Gaussian of deviation 3 in two dimensions, times 2.
    np.testing.assert_allclose(flat.std(0), 2 * 3 / (2 * np.sqrt(np.pi) * 3), rtol=0.1)
    assert np.abs(np.diff(moves, axis=2)).mean() < 0.3 * np.abs(moves).mean()


def test_special_sizes():
    np.testing.assert_array_equal(image.gaussian_blur(X, sigma=(0.0, 0.0)), X)
    np.testing.assert_array_equal(image.elastic_transform(X, 3.0, 0.0), X)
    np.testing.assert_allclose(image.perspective_transform(X, CORNERS, CORNERS), X, atol=1e-4)
    turned = image.perspective_transform(X, CORNERS, MOVED[0])
    np.testing.assert_array_equal(turned[1], image.perspective_transform(X[1], CORNERS, MOVED[0]))
    assert image.scale_and_translate(X, X.shape, [], [], (), "linear").shape == X.shape


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: image.gaussian_blur(X[0, 0]), ValueError, "Invalid images rank"),
        (lambda: image.sobel_edges(X[0]), ValueError, "expected rank 4"),
        (lambda: image.sobel_edges(X.astype("uint8")), ValueError, "images.dtype=uint8"),
        (lambda: image.ssim(X, X[0, 0]), ValueError, "Invalid image2 rank"),
        (lambda: image.ssim(X, X[..., :1], filter_size=3), ValueError, "same shape"),
        (lambda: image.ssim(X, X), ValueError, "zero or negative"),
        (lambda: image.scale_and_translate(X, X.shape, PAIR, PAIR, (1, 2), "area"), ValueError, "method=area"),
        (lambda: image.scale_and_translate(X, (6, 7), PAIR, PAIR, (1, 2), "linear"), ValueError, "output_shape"),
        (lambda: image.scale_and_translate(X, X.shape, PAIR, PAIR, (1,), "linear"), ValueError, "spatial_dims"),
        (lambda: image.perspective_transform(X, CORNERS[:3], CORNERS), ValueError, "Invalid start_points shape"),
        (lambda: image.perspective_transform(X, CORNERS, MOVED), ValueError, "same shape"),
        (lambda: image.perspective_transform(X, CORNERS, 0 * CORNERS), ValueError, "Singular"),
        (lambda: image.perspective_transform(X, CORNERS, CORNERS, "cubic"), ValueError, "interpolation=cubic"),
        (lambda: image.elastic_transform(X, fill_mode="edge"), ValueError, "fill_mode=edge"),
        (lambda: image.extract_patches(X, 2.0), TypeError, "type float"),
        (lambda: image.extract_patches(X, (2, 2, 2, 2)), ValueError, "length 4"),
        (lambda: image.extract_patches(X[0, 0], 2), ValueError, "Invalid images rank"),
        (lambda: image.extract_patches_3d(X, (2, 2)), TypeError, "length 3"),
        (lambda: image.extract_patches_3d(X, 2, (1, 1)), ValueError, r"strides=\(1, 1\)"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
