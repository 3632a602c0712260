"""One row per layer and option. tests/layers/test_cases.py runs every row; rows_layers.py has Keras run it too.

A row buys: the output's shape and dtype as compute_output_shape and KerasTensors say, the config and its round trip,
eager equal to traced (values and gradients), and values, gradients, statistics and config equal to Keras's.
"""

import dataclasses
import json

import numpy as np


@dataclasses.dataclass(frozen=True)
class LayerCase:
    cls: str
    shapes: tuple  # of the input, or a list of shapes
    kwargs: dict = dataclasses.field(default_factory=dict)
    training: bool = False
    random: bool = False  # draws: values differ from Keras's, and from call to call
    integers: bool = False  # inputs are integers
    dtype: str = "float32"
    smooth: bool = True  # has a gradient with respect to its inputs
    note: str = ""

    def __str__(self):
        text = ",".join(f"{k}={v}" for k, v in self.kwargs.items()) + (",training" if self.training else "")
        return f"{self.cls}({text}){self.note}"

    def build(self, keras):
        """The layer, built, with weights that are the same for everybody."""
        layer = getattr(keras.layers, self.cls)(**self.kwargs)
        layer.build(self.shapes)
        rng = np.random.RandomState(7)
        layer.set_weights([self._weight(rng, w) for w in layer.weights])
        return layer

    @staticmethod
    def _weight(rng, weight):
        if "int" in str(weight.dtype):
            return np.zeros(weight.shape, "int32")
        values = rng.uniform(0.2, 1.0, weight.shape)  # positive: they may be variances
        return values.astype("float32")

    def inputs(self):
        rng = np.random.RandomState(5)
        shapes = self.shapes if isinstance(self.shapes, list) else [self.shapes]
        if self.integers:
            made = [rng.randint(0, 3, s).astype("int32") for s in shapes]
        else:
            made = [rng.normal(0.1, 1.0, s).astype(self.dtype) for s in shapes]
        return made if isinstance(self.shapes, list) else made[0]

    def call(self, layer, inputs):
        accepts = "training" in layer.call_signature_parameters
        return layer(inputs, training=True) if self.training and accepts else layer(inputs)


def config_of(layer):
    """The layer's config as Keras writes it to a file: JSON bytes."""
    from_json = json.loads(json.dumps(layer.get_config()))
    return np.frombuffer(json.dumps(from_json, sort_keys=True).encode(), "uint8")


C = LayerCase
X2, X3, X4 = (4, 5), (3, 4, 5), (2, 3, 4, 6)
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.5, "seed": 1}}

CASES = [
    C("Dense", X2, {"units": 3}),
    C("Dense", X2, {"units": 3, "activation": "relu", "use_bias": False}),
    C("Dense", X3, {"units": 2, "activation": "tanh", "kernel_regularizer": "l2", "bias_regularizer": "l2"}),
    C("Dense", X4, {"units": 3, "activation": "softmax", "activity_regularizer": "l2"}),
    C("Dense", X2, {"units": 3, "kernel_constraint": "non_neg", "bias_constraint": "max_norm"}),
    C("Dense", X2, {"units": 3, "kernel_initializer": NORMAL, "bias_initializer": "ones", "name": "mine"}),
    C("Dense", X2, {"units": 3, "dtype": "float64", "trainable": False}, dtype="float64"),
    C("Dense", X3, {"units": 4, "lora_rank": 2, "kernel_regularizer": "l2", "activation": "tanh"}, training=True),
    C("EinsumDense", X3, {"equation": "abc,cd->abd", "output_shape": (None, 6), "bias_axes": "d"}),
    C("EinsumDense", X3, {"equation": "...c,cd->...d", "output_shape": 6, "activation": "relu"}),
    C("EinsumDense", X3, {"equation": "ab...,bd->ad...", "output_shape": 6, "bias_axes": "d"}),
    C("EinsumDense", X3, {"equation": "abc,bcde->ade", "output_shape": (2, 3), "bias_axes": "de"}),
    C("EinsumDense", X3, {"equation": "abc,cb->ac", "output_shape": 5, "lora_rank": 2, "lora_alpha": 3}, training=True),
    C("Embedding", X2, {"input_dim": 4, "output_dim": 3}, integers=True, smooth=False),
    C("Embedding", X2, {"input_dim": 4, "output_dim": 3, "lora_rank": 2}, integers=True, smooth=False),
    C("Embedding", X2, {"input_dim": 4, "output_dim": 3, "embeddings_regularizer": "l2", "mask_zero": True},
      integers=True, smooth=False),
    C("ReversibleEmbedding", X2, {"input_dim": 4, "output_dim": 3, "logit_soft_cap": 2.0}, integers=True, smooth=False),
    C("Attention", [(3, 4, 5), (3, 6, 5)], {"use_scale": True}),
    C("Attention", [(3, 4, 5), (3, 6, 2), (3, 6, 5)], {"score_mode": "concat", "use_scale": True}),
    C("Attention", [X3, X3], {"dropout": 0.5, "seed": 1}, training=True, random=True),
    C("AdditiveAttention", [(3, 4, 5), (3, 6, 5)]),
    C("AdditiveAttention", [X3, X3, X3], {"use_scale": False, "dropout": 0.3}),
    C("Activation", X2, {"activation": "gelu"}),
    C("Activation", X2, {"activation": "linear"}),
    C("Identity", X3),
    C("Flatten", X4),
    C("Flatten", X4, {"data_format": "channels_first"}),
    C("Flatten", (4,)),
    C("Reshape", X3, {"target_shape": (2, 10)}),
    C("Reshape", X3, {"target_shape": (-1, 2)}),
    C("Permute", X4, {"dims": (3, 1, 2)}),
    C("RepeatVector", X2, {"n": 3}),
    C("Masking", X3),
    C("Masking", X3, {"mask_value": 1.0}),
    C("ReLU", X2),
    C("ReLU", X2, {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}),
    C("ReLU", X2, {"max_value": 6}),
    C("LeakyReLU", X2, {"negative_slope": 0.1}),
    C("PReLU", X3),
    C("PReLU", X4, {"shared_axes": (1, 2), "alpha_initializer": "ones", "alpha_regularizer": "l2"}),
    C("ELU", X2, {"alpha": 0.7}),
    C("Softmax", X3),
    C("Softmax", X3, {"axis": 1}),
    C("Softmax", X3, {"axis": (1, 2)}),
    C("Add", [X3, X3, X3]),
    C("Add", [(3, 4, 5), (3, 1, 5), (3, 5)], note="broadcast"),
    C("Subtract", [X2, X2]),
    C("Multiply", [X3, X3]),
    C("Average", [X2, X2, X2]),
    C("Maximum", [X2, X2]),
    C("Minimum", [X2, (4, 1)]),
    C("Concatenate", [(3, 4, 5), (3, 4, 2)]),
    C("Concatenate", [(3, 4, 5), (3, 1, 5)], {"axis": 1}),
    C("Dot", [X2, X2], {"axes": 1}),
    C("Dot", [(3, 4, 5), (3, 6, 5)], {"axes": -1}),
    C("Dot", [(3, 4, 5), (3, 5, 2)], {"axes": (2, 1), "normalize": True}),
    C("Dot", [(3, 4, 5), (3, 5)], {"axes": (2, 1)}),
    C("Dot", [(2, 3, 4, 5), (2, 4, 6)], {"axes": (2, 1)}),
    C("Rescaling", X2, {"scale": 2.0, "offset": -1.0}),
    C("Rescaling", X2, {"scale": [1.0, 2.0, 3.0, 4.0, 5.0]}),
    C("Rescaling", X2, {"scale": 0.5}, integers=True, smooth=False),
    C("Normalization", X2, {"mean": [1.0, 2.0, 3.0, 4.0, 5.0], "variance": [1.0, 2.0, 3.0, 4.0, 5.0]}),
    C("Normalization", X3, {"axis": None, "mean": 3.0, "variance": 4.0, "invert": True}),
    C("Dropout", X2, {"rate": 0.3, "noise_shape": (4, 1), "seed": 1}),
    C("Dropout", X2, {"rate": 0.5}, training=True, random=True),
    C("GaussianNoise", X2, {"stddev": 0.3, "seed": 2}),
    C("GaussianNoise", X2, {"stddev": 0.3}, training=True, random=True),
    C("GaussianDropout", X2, {"rate": 0.3}),
    C("GaussianDropout", X2, {"rate": 0.3}, training=True, random=True),
    C("AlphaDropout", X3, {"rate": 0.3, "noise_shape": (3, 1, None)}),
    C("AlphaDropout", X3, {"rate": 0.3}, training=True, random=True),
    C("SpatialDropout1D", X3, {"rate": 0.3}),
    C("SpatialDropout1D", X3, {"rate": 0.5}, training=True, random=True),
    C("SpatialDropout2D", X4, {"rate": 0.3, "data_format": "channels_first"}),
    C("SpatialDropout2D", X4, {"rate": 0.5}, training=True, random=True),
    C("SpatialDropout3D", (2, 2, 3, 4, 3), {"rate": 0.5}, training=True, random=True),
    C("ActivityRegularization", X2, {"l1": 0.5, "l2": 0.25}),
    C("BatchNormalization", X2),
    C("BatchNormalization", X2, training=True),
    C("BatchNormalization", X4, {"axis": 1, "momentum": 0.8, "epsilon": 0.01}, training=True),
    C("BatchNormalization", X3, {"center": False, "gamma_regularizer": "l2"}, training=True),
    C("BatchNormalization", X3, {"scale": False, "beta_constraint": "non_neg"}, training=True),
    C("BatchNormalization", X2, {"trainable": False}, training=True),
    C("BatchNormalization", X2, {"renorm": True, "renorm_momentum": 0.9}, training=True),
    C("BatchNormalization", X2, {"renorm": True, "renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}},
      training=True),
    *[C("STFTSpectrogram", (2, 11, 2), {"mode": mode, "frame_length": 4})
      for mode in ("magnitude", "psd", "real", "imag", "angle", "stft")],
    C("STFTSpectrogram", (2, 11, 2), {"frame_length": 4, "trainable": False}),
    C("STFTSpectrogram", (2, 11, 2), {"mode": "psd", "frame_length": 6, "frame_step": 5, "padding": "same",
                                      "expand_dims": True}),
    C("STFTSpectrogram", (2, 2, 11), {"mode": "real", "frame_length": 4, "window": None, "expand_dims": True,
                                      "data_format": "channels_first"}),
    C("STFTSpectrogram", (2, 2, 11), {"mode": "stft", "frame_length": 3, "fft_length": 8, "scaling": "spectrum",
                                      "data_format": "channels_first"}),
    C("LayerNormalization", X3),
    C("LayerNormalization", X3, {"axis": (1, 2), "epsilon": 0.01}),
    C("LayerNormalization", X4, {"axis": 1, "center": False}),
    C("LayerNormalization", X3, {"scale": False, "beta_regularizer": "l2"}),
    C("RMSNormalization", X3),
    C("RMSNormalization", X3, {"axis": (1, 2), "epsilon": 0.01}),
    C("GroupNormalization", (2, 3, 4, 6), {"groups": 3}),
    C("GroupNormalization", (2, 6, 4), {"groups": -1, "axis": 1, "scale": False}),
    C("GroupNormalization", (2, 3, 2, 3, 4), {"groups": 1, "axis": -2, "epsilon": 0.01}),
    C("GroupNormalization", (3, 6), {"groups": 2, "center": False, "gamma_regularizer": "l2"}),
    C("UnitNormalization", X3),
    C("UnitNormalization", X3, {"axis": (1, 2)}),
]  # fmt: skip
