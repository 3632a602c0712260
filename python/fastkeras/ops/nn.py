"""`keras.ops.nn`: activations, normalisation, crossentropies."""

# ruff: noqa: F401, I001
from fastkeras.ops._activations import (  # fmt: skip
    celu,
    elu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from fastkeras.ops._adaptive import adaptive_average_pool, adaptive_max_pool
from fastkeras.ops._attention import dot_product_attention
from fastkeras.ops._blocks import depth_to_space, fold, space_to_depth, unfold
from fastkeras.ops._convolution import (  # fmt: skip
    average_pool,
    conv,
    conv_transpose,
    conv_transpose_to,
    depthwise_conv,
    max_pool,
    separable_conv,
    transposed_size,
)
from fastkeras.ops._crossentropy import (  # fmt: skip
    binary_crossentropy,
    categorical_crossentropy,
    multi_hot,
    one_hot,
    sparse_categorical_crossentropy,
)
from fastkeras.ops._ctc import ctc_decode, ctc_loss
from fastkeras.ops._normalization import (  # fmt: skip
    batch_norm_train,
    batch_normalization,
    group_normalization,
    layer_normalization,
    moments,
    normalize,
    psnr,
    rms_normalization,
)
