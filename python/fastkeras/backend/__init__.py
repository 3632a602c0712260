"""keras.backend: what Keras 3 kept, and the functions of Keras 2 that scripts still call, on top of fastkeras.ops."""

# ruff: noqa: F401, I001
# fmt: off
from fastkeras.backend._ctc import ctc_batch_cost, ctc_decode
from fastkeras.backend._images import (
    conv1d, conv2d, conv2d_transpose, conv3d, depthwise_conv2d, pool2d, pool3d, resize_images, resize_volumes,
    separable_conv2d, spatial_2d_padding, spatial_3d_padding, temporal_padding,
)
from fastkeras.backend._loops import foldl, foldr, gradients, map_fn, rnn
from fastkeras.backend._losses import (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from fastkeras.backend._numbers import (
    all, any, argmax, argmin, batch_dot, batch_normalization, bias_add, clip, dot, equal, greater, greater_equal,
    hard_sigmoid, in_top_k, l2_normalize, less, less_equal, max, maximum, mean, min, minimum, not_equal, pow, prod,
    relu, std, sum, switch, var,
)
from fastkeras.backend._random import (
    dropout, random_bernoulli, random_normal, random_normal_variable, random_uniform, random_uniform_variable,
    truncated_normal,
)
from fastkeras.backend._shapes import (
    batch_flatten, concatenate, count_params, flatten, gather, int_shape, ndim, one_hot, permute_dimensions, repeat,
    repeat_elements, reshape, reverse, tile,
)
from fastkeras.backend._values import (
    batch_get_value, batch_set_value, cast_to_floatx, constant, dtype, eval, eye, get_uid, get_value, is_sparse,
    moving_average_update, ones, ones_like, set_value, stop_gradient, to_dense, update, update_add, update_sub,
    variable, zeros, zeros_like,
)
from fastkeras.config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from fastkeras.engine import name_scope
from fastkeras.engine.config import is_float_dtype, is_int_dtype, result_type, standardize_dtype
from fastkeras.ops import (
    abs, arange, cast, cos, cumprod, cumsum, elu, exp, expand_dims, log, round, shape, sigmoid, sign, sin, softmax,
    softplus, softsign, sqrt, square, squeeze, stack, tanh, transpose,
)
from fastkeras.utils.session import clear_session, is_keras_tensor
