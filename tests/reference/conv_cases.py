"""Rows of convolution and pooling layers, as those of layer_cases.py."""

from layer_cases import NORMAL
from layer_cases import LayerCase as C

X3, X4, X5 = (2, 9, 4), (2, 7, 6, 4), (2, 5, 4, 6, 2)
F4 = (2, 4, 7, 6)  # channels first
FIRST = {"data_format": "channels_first"}

CASES = [
    C("Conv1D", X3, {"filters": 5, "kernel_size": 3}),
    C("Conv1D", X3, {"filters": 5, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    C("Conv1D", X3, {"filters": 6, "kernel_size": 4, "padding": "same", "strides": 2, "groups": 2}),
    C("Conv1D", (2, 4, 9), {"filters": 3, "kernel_size": 2, "padding": "causal", **FIRST}),
    C("Conv2D", X4, {"filters": 5, "kernel_size": 3}),
    C("Conv2D", X4, {"filters": 5, "kernel_size": 3, "lora_rank": 2, "lora_alpha": 1.5, "kernel_regularizer": "l2"}),
    C("Conv2D", X4, {"filters": 5, "kernel_size": (2, 3), "padding": "same", "activation": "relu"}),
    C("Conv2D", X4, {"filters": 20, "kernel_size": 3, "padding": "SAME", "strides": 2, "use_bias": False}),
    C("Conv2D", X4, {"filters": 3, "kernel_size": 1, "strides": (2, 1), "activation": "tanh"}),
    C("Conv2D", X4, {"filters": 4, "kernel_size": 2, "dilation_rate": (2, 1), "groups": 4, "padding": "same"}),
    C("Conv2D", X4, {"filters": 4, "kernel_size": 1, "kernel_regularizer": "l2", "activity_regularizer": "l2"}),
    C("Conv2D", X4, {"filters": 2, "kernel_size": 3, "kernel_initializer": NORMAL, "kernel_constraint": "max_norm"}),
    C("Conv2D", F4, {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "elu", **FIRST}),
    C("Conv2D", X4, {"filters": 2, "kernel_size": 3, "dtype": "float64"}, dtype="float64"),
    C("Conv3D", X5, {"filters": 3, "kernel_size": (2, 3, 2), "padding": "same", "strides": (1, 2, 1)}),
    C("Conv3D", X5, {"filters": 4, "kernel_size": 2, "groups": 2, "dilation_rate": 2}),
    C("Conv1DTranspose", X3, {"filters": 3, "kernel_size": 3, "strides": 2}),
    C("Conv1DTranspose", X3, {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "same"}),
    C("Conv2DTranspose", X4, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}),
    C("Conv2DTranspose", X4, {"filters": 5, "kernel_size": (1, 4), "strides": 3, "activation": "relu"}),
    C("Conv2DTranspose", X4, {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}),
    C("Conv2DTranspose", X4, {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": (0, 1)}),
    C("Conv2DTranspose", F4, {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "same", **FIRST}),
    C("Conv3DTranspose", X5, {"filters": 3, "kernel_size": 2, "strides": 2, "use_bias": False}),
    C("DepthwiseConv1D", X3, {"kernel_size": 3, "strides": 2, "padding": "same"}),
    C("DepthwiseConv2D", X4, {"kernel_size": 3}),
    C("DepthwiseConv2D", X4, {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", "strides": 2}),
    C("DepthwiseConv2D", F4, {"kernel_size": (2, 3), "dilation_rate": 2, "activation": "relu", **FIRST}),
    C("SeparableConv1D", X3, {"filters": 5, "kernel_size": 3, "padding": "same", "activation": "relu"}),
    C("SeparableConv2D", X4, {"filters": 3, "kernel_size": 3, "depth_multiplier": 2, "pointwise_regularizer": "l2"}),
    C("SeparableConv2D", F4, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", **FIRST}),
    *[C(f"{kind}Pooling{r}D", shape, {"pool_size": 2}) for kind in ("Max", "Average")
      for r, shape in ((1, X3), (2, X4), (3, X5))],
    *[C(f"{kind}Pooling2D", X4, {"pool_size": (3, 2), "strides": 2, "padding": "same"}) for kind in ("Max", "Average")],
    *[C(f"{kind}Pooling2D", X4, {"pool_size": 3, "strides": 1}) for kind in ("Max", "Average")],
    *[C(f"{kind}Pooling2D", F4, {"pool_size": 2, **FIRST}) for kind in ("Max", "Average")],
    *[C(f"{kind}Pooling1D", X3, {"pool_size": 2, "strides": 3, "padding": "same"}) for kind in ("Max", "Average")],
    *[C(f"Global{kind}Pooling{r}D", shape, {"keepdims": r == 2}) for kind in ("Max", "Average")
      for r, shape in ((1, X3), (2, X4), (3, X5))],
    *[C(f"Global{kind}Pooling2D", F4, FIRST) for kind in ("Max", "Average")],
    *[C(f"Adaptive{kind}Pooling{r}D", shape, {"output_size": size}) for kind in ("Max", "Average")
      for r, shape, size in ((1, X3, 4), (1, X3, (3,)), (2, X4, (3, 5)), (2, X4, 8), (3, X5, (5, 3, 4)))],
    *[C(f"Adaptive{kind}Pooling2D", F4, {"output_size": (2, 6), **FIRST}) for kind in ("Max", "Average")],
    C("ZeroPadding1D", X3, {"padding": 2}),
    C("ZeroPadding2D", X4, {"padding": ((1, 2), (0, 3))}),
    C("ZeroPadding2D", F4, {"padding": (1, 2), **FIRST}),
    C("ZeroPadding3D", X5),
    C("Cropping1D", X3, {"cropping": (1, 2)}),
    C("Cropping2D", X4, {"cropping": ((1, 2), (0, 3))}),
    C("Cropping2D", F4, {"cropping": 1, **FIRST}),
    C("Cropping3D", X5),
    C("UpSampling1D", X3, {"size": 3}),
    C("UpSampling2D", X4, {"size": (2, 3)}),
    C("UpSampling2D", F4, {"size": 2, **FIRST}),
    C("UpSampling2D", X4, {"size": 2, "interpolation": "bilinear"}),
    C("UpSampling3D", X5),
]  # fmt: skip
