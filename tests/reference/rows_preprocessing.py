"""Preprocessing layers. Random layers are given what they would draw, or ranges that leave no choice."""

import json

import numpy as np

RNG = np.random.RandomState(11)
IMAGES = RNG.uniform(0, 255, (3, 8, 10, 3)).astype("float32")
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
WORDS = [["tea", "milk", "tea"], ["cake", "tea", "jam"], ["milk", "", "[UNK]"]]
TEXTS = ["The cat sat, on THE mat!", "A dog's life: cats & dogs", "", "\u00c9t\u00e9 the\tend"]


def config(layer):
    written = {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")}
    return np.frombuffer(json.dumps(written, sort_keys=True).encode(), "uint8")


def images(name, *args, data=IMAGES, call=None, **settings):
    def row(k):
        layer = getattr(k.layers, name)(*args, **settings)
        results = {"y": layer(data, **(call or {})), "shape": layer.compute_output_shape(data.shape)}
        return {**results, "single": layer(data[0], **(call or {})), "config": config(layer)}

    return row


def transformed(name, *args, transformation, data=IMAGES, **settings):
    def row(k):
        layer = getattr(k.layers, name)(*args, **settings)
        given = {key: k.ops.convert_to_tensor(v) if key != "input_shape" else v for key, v in transformation.items()}
        return {
            "y": layer.transform_images(k.ops.convert_to_tensor(data), given, training=True),
            "not training": layer(data, training=False),
            "config": config(layer),
        }

    return row


def crop(k):
    layer = k.layers.RandomCrop(4, 5, seed=1)
    low, narrow = k.layers.RandomCrop(9, 5, seed=1), k.layers.RandomCrop(8, 12, seed=1)
    return {
        "y": layer.transform_images(k.ops.convert_to_tensor(IMAGES), (2, 3), training=True),
        "low": low(IMAGES, training=True),
        "narrow": narrow(IMAGES, training=True),
        "not training": layer(IMAGES, training=False),
        "config": config(layer),
    }


FLIPS = np.array([True, False, True]).reshape(3, 1, 1, 1)
COLUMN = RNG.uniform(0.5, 1.5, (3, 1)).astype("float32")


def category_encoding(k):
    layers = k.layers
    results = {"config": config(layers.CategoryEncoding(5, "one_hot"))}
    for mode in ("one_hot", "multi_hot", "count"):
        layer = layers.CategoryEncoding(5, mode)
        for data in ([1, 4, 4], [[0], [3]], [[0, 1, 1], [2, 3, 3]]):
            data = np.array(data)
            results[f"{mode} {data.shape}"] = layer(data)
            results[f"{mode} {data.shape} shape"] = layer.compute_output_shape(data.shape)
    weights = np.array([[0.5, 1, 2], [3, 4, 5]], "float32")
    results["weighted"] = layers.CategoryEncoding(5, "count")(np.array([[0, 1, 1], [2, 3, 3]]), count_weights=weights)
    return results


def discretization(k):
    data = np.random.RandomState(1).normal(size=(400, 2)).astype("float32")
    results = {}
    for mode in ("int", "one_hot", "multi_hot", "count"):
        layer = k.layers.Discretization([-1.0, 0.0, 0.5], output_mode=mode)
        results[mode] = layer(np.array([[-1.5, -1.0, 0.2], [0.5, 3.0, 0.0]], "float32"))
        results[f"{mode} shape"] = layer.compute_output_shape((2, 3))
    layer = k.layers.Discretization(num_bins=5, epsilon=0.05)
    layer.adapt(data)
    results["borders"] = np.array(layer.bin_boundaries)
    results["config"] = config(k.layers.Discretization([0.0, 1.0]))
    layer.adapt([data[:100], data[100:]])
    results["borders of batches"] = np.array(layer.bin_boundaries)
    return results


def codes(words):
    return np.frombuffer("\n".join(words).encode(), "uint8")


def string_lookup(k):
    results = {}
    for mode in ("int", "one_hot", "multi_hot", "count", "tf_idf"):
        layer = k.layers.StringLookup(output_mode=mode)
        layer.adapt(np.array(WORDS))
        results[f"{mode} words"] = codes(layer.get_vocabulary())
        results[mode] = layer(np.array([["jam", "coffee", "tea"], ["tea", "tea", "milk"]]))
    masked = k.layers.StringLookup(mask_token="", vocabulary=["tea", "milk"])
    results["masked"] = masked(np.array(WORDS))
    small = k.layers.StringLookup(max_tokens=3, pad_to_max_tokens=True, output_mode="multi_hot")
    small.adapt(np.array(["b", "a", "b", "a", "c"]))
    results["small words"], results["small"] = codes(small.get_vocabulary()), small(np.array([["a", "c"]]))
    given = k.layers.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 2.0], output_mode="tf_idf")
    results["given"] = given(np.array([["a", "b", "b", "z"]]))
    results["config"] = config(given)
    return results


def integer_lookup(k):
    layer = k.layers.IntegerLookup(num_oov_indices=3, mask_token=0)
    layer.adapt(np.array([[5, 7, 5], [9, 0, 7]]))
    inverse = k.layers.IntegerLookup(vocabulary=[10, 30], invert=True)
    counts = k.layers.IntegerLookup(vocabulary=[10, 30], output_mode="count")
    return {
        "words": np.array(layer.get_vocabulary()),
        "indices": layer(np.array([[5, 0, 8, 1, 9, 3]])),
        "inverse": inverse(np.array([[2, 0, 1]])),
        "counts": counts(np.array([[10, 10, 7], [30, 1, 2]])),
        "config": config(counts),
    }


def text_vectorization(k):
    results = {}
    for name, settings in {
        "plain": {},
        "short": {"output_sequence_length": 3, "max_tokens": 6},
        "long": {"output_sequence_length": 9},
        "characters": {"split": "character", "standardize": "lower"},
        "pairs": {"ngrams": 2, "standardize": "strip_punctuation"},
        "triples": {"ngrams": (3,), "standardize": None},
        "hot": {"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True},
        "count": {"output_mode": "count"},
        "tf_idf": {"output_mode": "tf_idf"},
    }.items():
        layer = k.layers.TextVectorization(**settings)
        layer.adapt(np.array(TEXTS))
        results[name] = layer(np.array([*TEXTS[:2], "the unknown word"]))
        results[f"{name} words"] = codes(layer.get_vocabulary())
    given = k.layers.TextVectorization(vocabulary=["cat", "dog"])
    results["given"], results["config"] = given(np.array([["cat dog"], ["the dog"]])), config(given)
    return results


def hashing(k):
    alphabet = "the quick brown fox jumps over the lazy dog \u00e9\u00e0 " * 8
    words = np.array(
        [alphabet[:n] for n in (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300)]
    )
    results = {
        "words": k.layers.Hashing(100_000)(words),
        "salted": k.layers.Hashing(100_000, salt=[133, 137])(words),
        "masked": k.layers.Hashing(7, mask_value="t")(words[None]),
        "numbers": k.layers.Hashing(50, salt=5)(np.array([[1, -20], [300, 4]])),
        "hot": k.layers.Hashing(4, output_mode="multi_hot")(words[:8].reshape(2, 4)),
        "one hot": k.layers.Hashing(4, output_mode="one_hot")(words[:8, None]),
        "config": config(k.layers.Hashing(4, salt=5)),
    }
    several = k.layers.StringLookup(vocabulary=["tea"], num_oov_indices=9)
    results["unknown words"] = several(words)
    several = k.layers.IntegerLookup(vocabulary=[5], num_oov_indices=9, oov_method="farmhash", salt=3)
    results["unknown numbers"] = several(np.arange(12))
    return results


def resizing_bytes(k):
    return {"y": k.layers.Resizing(5, 6)((IMAGES / 2 + 100).astype("uint8"))}


def gray(k):
    layer, some = k.layers.RandomGrayscale(1.0), k.ops.convert_to_tensor(COLUMN.reshape(3, 1, 1, 1) > 1)
    of_bytes = layer((IMAGES[0] / 2 + 100).astype("uint8"))
    return {"some": layer.transform_images(k.ops.convert_to_tensor(IMAGES), some), "bytes": of_bytes}


ROWS = {
    "Resizing": images("Resizing", 5, 12, interpolation="bicubic", antialias=True),
    "Resizing of bytes": resizing_bytes,
    "Resizing cropped": images("Resizing", 5, 5, crop_to_aspect_ratio=True),
    "Resizing padded first": images(
        "Resizing", 5, 5, pad_to_aspect_ratio=True, data=FIRST, data_format="channels_first"
    ),
    "CenterCrop": images("CenterCrop", 5, 4),
    "CenterCrop first": images("CenterCrop", 5, 5, data=FIRST, data_format="channels_first"),
    "CenterCrop of small": images("CenterCrop", 12, 4),
    "RandomCrop": crop,
    **{
        f"RandomFlip {mode}": transformed(
            "RandomFlip", mode, transformation={"flips": FLIPS, "input_shape": IMAGES.shape}
        )
        for mode in ("horizontal", "vertical", "horizontal_and_vertical")
    },
    "RandomContrast": transformed(
        "RandomContrast", 0.4, transformation={"contrast_factor": COLUMN.reshape(3, 1, 1, 1)}, value_range=(10, 200)
    ),
    "RandomBrightness": transformed(
        "RandomBrightness", [-0.3, 0.1], transformation={"rgb_delta": 50 * COLUMN.reshape(3, 1, 1, 1)}
    ),
    "RandomInvert": transformed(
        "RandomInvert", 0.4, transformation={"apply_inversion": COLUMN.reshape(3) > 1}, value_range=(10, 200)
    ),
    "RandomGrayscale": gray,
    "RandomGrayscale first": images("RandomGrayscale", 1.0, "channels_first", data=FIRST),
    "Solarization": images("Solarization", value_range=(200, 0)),
    "Solarization above": transformed(
        "Solarization",
        0.4,
        (0.3, 0.1),
        transformation={n: f * COLUMN.reshape(3, 1, 1, 1) for n, f in (("additions", 20), ("thresholds", 90))},
        value_range=(-1, 220),
    ),
    "RandomRotation": images("RandomRotation", (0.1, 0.1)),
    "RandomRotation first": images(
        "RandomRotation", (-0.2, -0.2), "constant", "nearest", data=FIRST, data_format="channels_first", fill_value=7.0
    ),
    "RandomZoom": images("RandomZoom", (0.3, 0.3), (-0.2, -0.2), "wrap"),
    "RandomZoom both": images("RandomZoom", (-0.4, -0.4), fill_mode="nearest"),
    "RandomZoom drawn": transformed(
        "RandomZoom",
        0.2,
        transformation={"height_zoom": COLUMN, "width_zoom": 2 - COLUMN, "input_shape": IMAGES.shape},
    ),
    "RandomTranslation": images("RandomTranslation", (0.2, 0.2), (-0.31, -0.31)),
    "RandomTranslation not training": images("RandomTranslation", 0.2, 0.3, call={"training": False}),
    "CategoryEncoding": category_encoding,
    "Discretization": discretization,
    "Hashing": hashing,
    "StringLookup": string_lookup,
    "IntegerLookup": integer_lookup,
    "TextVectorization": text_vectorization,
}
TOLERANCE = {
    "Resizing of bytes": 1e-2,
    "RandomGrayscale/bytes": 1e-2,
    "RandomRotation": 1e-4,
    "RandomRotation first": 1e-4,
}  # bytes: halves
