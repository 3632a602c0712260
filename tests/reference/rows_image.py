"""preprocessing.image: batches and single images from the same seeds as Keras draws them."""

import warnings

import numpy as np


def module(k):
    if k.__name__ == "keras":
        from keras.src.legacy.preprocessing import image

        return image
    return k.preprocessing.image


def images(n, *shape):
    return np.random.RandomState(len(shape) * n).uniform(0, 255, (n, *shape)).astype("float32")


def flow(shape=(5, 13, 11, 3), fit=False, **settings):
    def row(k):
        x = images(*shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras: of scipy.ndimage.interpolation, and of what it overrides
            generator = module(k).ImageDataGenerator(**settings)
            if fit:
                generator.fit(x)
            iterator = generator.flow(x, np.arange(len(x)), batch_size=3, seed=7)
            batches = [next(iterator) for _ in range(2)]
        return {f"{name}{i}": a for i, batch in enumerate(batches) for name, a in zip("xy", batch, strict=True)}

    return row


EVERY = {
    "rotation_range": 40,
    "width_shift_range": 0.3,
    "height_shift_range": 0.2,
    "shear_range": 20,
    "zoom_range": 0.4,
    "horizontal_flip": True,
    "vertical_flip": True,
}

ROWS = {
    **{f"{mode} {order}": flow(fill_mode=mode, interpolation_order=order, cval=9.0, **EVERY)
       for mode in ("nearest", "constant", "reflect", "wrap") for order in (0, 1)},
    "gray": flow((4, 9, 70, 1), rotation_range=10, zoom_range=0.1),
    "alpha": flow((3, 9, 9, 4), rotation_range=10, zoom_range=[0.5, 1.0]),
    "channels first": flow((3, 3, 9, 12), data_format="channels_first", **EVERY),
    "double": flow((3, 9, 9, 1), dtype="float64", **EVERY),
    "shifts of pixels": flow(width_shift_range=3, height_shift_range=[-2, 0, 5], rotation_range=5),
    "channel shift": flow(channel_shift_range=30.0, horizontal_flip=True, rotation_range=20),
    "brightness": flow(brightness_range=(0.2, 1.8), rotation_range=10),
    "brightness gray": flow((4, 9, 9, 1), brightness_range=(0.2, 1.8)),
    "brightness alpha": flow((4, 9, 9, 4), brightness_range=(0.2, 1.8)),
    "rescale": flow(brightness_range=(0.5, 1.0), channel_shift_range=9.0, rescale=1 / 255),
    "samplewise": flow(samplewise_std_normalization=True, rescale=1 / 255, rotation_range=5),
    "featurewise": flow(fit=True, featurewise_std_normalization=True, rescale=1 / 255, rotation_range=5),
    "whitening": flow((20, 4, 4, 3), fit=True, zca_whitening=True, zca_epsilon=0.1, rescale=1 / 255),
    "function": flow(preprocessing_function=lambda x: x * np.random.rand(), rotation_range=5),
}  # fmt: skip
TOLERANCE = {"whitening": 1e-3}


def single(k):
    image, x = module(k), images(1, 12, 10, 3)[0]
    first = np.ascontiguousarray(x.transpose(2, 0, 1))
    last = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    calls = {"rotation": 30, "shear": 20, "zoom": (0.5, 1.5)}
    results = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(1)
        for name, amount in calls.items():
            function = getattr(image, f"random_{name}")
            results[name] = function(x, amount, **last)
            results[f"{name} axes"] = function(x, amount, row_axis=1, col_axis=0, channel_axis=2)
            results[f"{name} bytes"] = function(x.astype("uint8"), amount, fill_mode="reflect", **last)
            results[f"{name} first"] = function(first, amount, fill_mode="constant", cval=3)
        results["shift"] = image.random_shift(x, 0.2, 0.3, **last)
        results["channel shift"] = image.random_channel_shift(x, 20.0, channel_axis=2)
        results["brightness"] = image.random_brightness(x, (0.5, 1.5))
        results["brightness unscaled"] = image.apply_brightness_shift(x - 20, 0.7, scale=False)
        generator = image.ImageDataGenerator()
        given = {"theta": 20, "tx": 1.5, "zx": 0.8, "flip_vertical": True, "channel_shift_intensity": 5.0}
        results["given"] = generator.apply_transform(x, given)
        results["random"] = image.ImageDataGenerator(**EVERY).random_transform(x, seed=3)
        results["fitted"] = _fitted(image)
    return results


def _fitted(image):
    generator = image.ImageDataGenerator(featurewise_center=True, rotation_range=30)
    generator.fit(images(4, 8, 8, 3), augment=True, rounds=2, seed=5)
    return generator.mean


ROWS["one image"] = single
