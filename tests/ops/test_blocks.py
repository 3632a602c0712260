"""Blocks of images beyond the figures of rows_blocks.py: reverses, dtypes, models, errors."""

import numpy as np
import pytest
import rows_blocks

import fastkeras as keras
from fastkeras import ops


@pytest.mark.parametrize("dtype", ["int32", "bool", "float16", "float64"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_shuffles_are_reverses(data_format, dtype):
    x = ops.cast(np.arange(128).reshape(2, 4, 4, 4) % 7, dtype)
    there = ops.space_to_depth(x, 2, data_format)
    back = ops.depth_to_space(there, 2, data_format)
    assert there.dtype == back.dtype == dtype and there.shape != x.shape and bool(ops.all(back == x))


@pytest.mark.parametrize("name", rows_blocks.WINDOWS)
def test_fold_is_the_transpose_of_unfold(name):
    size, settings = rows_blocks.WINDOWS[name]
    x = np.random.RandomState(0).randint(-9, 10, (2, 3, *size)).astype("int32")
    columns = ops.unfold(x, **settings)
    y = np.random.RandomState(1).randint(-9, 10, columns.shape).astype("int32")
    folded = ops.fold(y, size, **settings)
    assert folded.shape == x.shape and columns.dtype == folded.dtype == "int32"
    assert (columns.numpy() * y).sum() == (x * folded.numpy()).sum() != 0


def test_blocks_in_models():
    image = keras.Input((4, 6, 8))
    made = [ops.space_to_depth(image, 2), ops.depth_to_space(image, 2), ops.unfold(image, 2, stride=2)]
    made.append(ops.fold(made[2], (6, 8), 2, stride=2))
    assert [y.shape[1:] for y in made] == [(2, 3, 32), (8, 12, 2), (16, 12), (4, 6, 8)]
    x = np.random.RandomState(2).normal(size=(3, 4, 6, 8)).astype("float32")
    np.testing.assert_array_equal(keras.Model(image, made[3])(x).numpy(), x)
    open_sizes = keras.Input((None, None, 3))
    assert ops.space_to_depth(open_sizes, 2).shape == (None, None, None, 12)


def test_wrong_arguments():
    x = np.zeros((1, 4, 6, 6), "float32")
    for function in (ops.depth_to_space, ops.space_to_depth):
        with pytest.raises(ValueError, match="Received: block_size=1"):
            function(x, 1)
        with pytest.raises(ValueError, match=r"4D input tensor. Received: x.shape=\(4, 6, 6\)"):
            function(x[0], 2)
        with pytest.raises(ValueError, match="data_format"):
            function(x, 2, data_format="last")
        with pytest.raises(ValueError, match="must be divisible by block_size"):
            function(x, 4)
    with pytest.raises(ValueError, match="must be a 4D tensor"):
        ops.unfold(x[0], 2)
    with pytest.raises(ValueError, match="must fit into the padded images. Received: kernel_size=9"):
        ops.unfold(x, 9, padding=1)
    with pytest.raises(ValueError, match="must be a 3D tensor"):
        ops.fold(x, 4, 2)
    for columns in (np.zeros((1, 6, 9)), np.zeros((1, 8, 8))):
        with pytest.raises(ValueError, match=f"multiple of 4 rows .* 9 columns.*{columns.shape[2]}"):
            ops.fold(columns, 4, 2)
