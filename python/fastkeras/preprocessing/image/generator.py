"""ImageDataGenerator: random transforms and standardisation of images, a batch in one C++ call."""

import warnings

from fastkeras.engine import config
from fastkeras.ops._augment import augment
from fastkeras.preprocessing.image.files import DataFrameIterator, DirectoryIterator
from fastkeras.preprocessing.image.iterators import NumpyArrayIterator
from fastkeras.preprocessing.image.random_transforms import RandomTransforms
from fastkeras.preprocessing.image.standardization import Standardization
from fastkeras.utils.arguments import named
from fastkeras.utils.pydataset import in_worker

_FILL_MODES = ("nearest", "constant", "reflect", "wrap")


class ImageDataGenerator(RandomTransforms, Standardization):
    """Batches of images with random changes, the same draws of `np.random` as Keras makes.

    Args:
        featurewise_center, featurewise_std_normalization: minus the mean, by the deviation of the data that `fit` saw.
        samplewise_center, samplewise_std_normalization: the same with those of each image.
        zca_whitening, zca_epsilon: whiten with the matrix that `fit` finds.
        rotation_range: degrees, to both sides.
        width_shift_range, height_shift_range: a share of the size below 1, pixels from 1, or a list to choose from.
        brightness_range: a pair of factors.
        shear_range: degrees.
        zoom_range: a pair of factors, or the distance from 1.
        channel_shift_range: amount added to all channels.
        fill_mode: `"nearest"`, `"constant"` (`cval`), `"reflect"` or `"wrap"` beyond the border.
        horizontal_flip, vertical_flip: flip every second image?
        rescale: factor, after the transforms.
        preprocessing_function: called with an image after the transforms, before standardisation.
        validation_split: share of the data in the subset `"validation"`.
        interpolation_order: 0 takes the nearest pixel, 1 mixes four.

    Raises:
        ValueError: for values that cannot be.

    >>> import fastkeras as keras, numpy as np
    >>> generator = keras.preprocessing.image.ImageDataGenerator(rotation_range=10, rescale=1 / 255)
    >>> next(generator.flow(np.zeros((5, 8, 8, 1)), batch_size=2)).shape
    (2, 8, 8, 1)
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = data_format or config.image_data_format()
        self._validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        self._check()
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if self._channels_first else (3, 1, 2)
        self.mean = self.std = self.zca_whitening_matrix = None
        if zca_whitening:
            self._override("zca_whitening", "featurewise_center", True)
            self._override("zca_whitening", "featurewise_std_normalization", False)
        if featurewise_std_normalization:
            self._override("featurewise_std_normalization", "featurewise_center", True)
        if samplewise_std_normalization:
            self._override("samplewise_std_normalization", "samplewise_center", True)

    def _check(self):
        if self.data_format not in ("channels_first", "channels_last"):
            raise ValueError(
                '`data_format` should be `"channels_last"` (channel after row and column) or `"channels_first"` '
                f"(channel before row and column). Received: {self.data_format}"
            )
        if self._validation_split and not 0 < self._validation_split < 1:
            raise ValueError(
                f"`validation_split` must be strictly between 0 and 1.  Received: {self._validation_split}"
            )
        brightness = self.brightness_range
        if brightness is not None and not (isinstance(brightness, (tuple, list)) and len(brightness) == 2):
            raise ValueError(f"`brightness_range should be tuple or list of two floats. Received: {brightness}")
        if self.fill_mode not in _FILL_MODES:
            raise ValueError(
                f"[ImageDataGenerator] fill_mode must be one of {_FILL_MODES}. Received: fill_mode={self.fill_mode!r}"
            )
        if self.interpolation_order not in (0, 1):
            raise ValueError(
                "[ImageDataGenerator] interpolation_order must be 0 (nearest) or 1 (bilinear). Received: "
                f"interpolation_order={self.interpolation_order}"
            )

    def _override(self, by, name, value):
        if getattr(self, name) != value:
            setattr(self, name, value)
            warnings.warn(
                f"This ImageDataGenerator specifies `{by}`, which overrides setting of `{name}`.", stacklevel=3
            )

    @property
    def _channels_first(self):
        return self.data_format == "channels_first"

    @property
    def _separable(self):
        """Is all that an image needs from `np.random` known before its pixels are looked at, and all else ours?"""
        own = ("get_random_transform", "apply_transform", "standardize")
        return (
            self.preprocessing_function is None
            and self.dtype in ("float32", "float64")
            and all(getattr(type(self), name) is getattr(ImageDataGenerator, name) for name in own)
        )

    # --- batches ---

    def _transform_batch(self, images, rows, parameters):
        """`images[rows]` transformed and standardised."""
        self._check_colours(images.shape[1:], self.brightness_range is not None)
        batch = augment(
            images,
            rows,
            parameters,
            self.interpolation_order,
            self.fill_mode,
            self.cval,
            channels_first=self._channels_first,
            rescale=float(self.rescale or 1),
            center=bool(self.samplewise_center),
            divide=bool(self.samplewise_std_normalization),
            alone=in_worker(),  # the other threads belong to the training
        )
        return self._standardize_by_features(batch).astype(self.dtype, copy=False)

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ):
        """An endless iterator over batches `(x, y, sample_weight)` of the arrays, as many parts as are given.

        Args:
            x: images, rank 4; or a pair of images and a list of arrays that go along unchanged.
            save_to_dir: a folder that every image is written to, as `<save_prefix>_<index>_<number>.<save_format>`.
            subset: `"training"` or `"validation"`, with `validation_split`; both must hold the same classes unless
                `ignore_class_split`.

        Raises:
            ValueError: when lengths or ranks do not fit.
        """
        return NumpyArrayIterator(
            image_data_generator=self, data_format=self.data_format, dtype=self.dtype, **named(locals())
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
    ):
        """An endless iterator over the images in `directory`, which has one folder for each class.

        Args:
            target_size: height and width that images are resized to, with `interpolation`.
            color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
            classes: names of the folders to take, in order; None: all, sorted.
            class_mode: targets `"categorical"` (one-hot), `"binary"` or `"sparse"` (numbers), `"input"` (the images),
                None (no targets).

        Raises:
            ValueError: for modes that there are not.
            OSError: when a batch has a file that is no image; it is named.
        """
        return DirectoryIterator(
            image_data_generator=self, data_format=self.data_format, dtype=self.dtype, **named(locals())
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """An endless iterator over the images that the column `x_col` of a pandas DataFrame names.

        Args:
            directory: where the files are; None when the names are paths.
            y_col: column of the targets; a list of columns for `class_mode="multi_output"`.
            weight_col: column of sample weights.
            class_mode: as in `flow_from_directory`, `"multi_output"`, or `"raw"` (the column as it is).
            validate_filenames: leave rows out whose file does not exist.

        Raises:
            TypeError: when a column has other values than `class_mode` needs.
        """
        settings = named(locals())
        for name in kwargs:
            if name not in ("has_ext", "sort", "drop_duplicates"):
                raise TypeError(f"flow_from_dataframe() got an unexpected keyword argument {name!r}")
            warnings.warn(f"{name} is deprecated and has no effect.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn(
                '`class_mode="other"` is deprecated, please use `class_mode="raw"`.', DeprecationWarning, stacklevel=2
            )
            settings["class_mode"] = "raw"
        return DataFrameIterator(image_data_generator=self, data_format=self.data_format, dtype=self.dtype, **settings)


def _zoom_range(value):
    if isinstance(value, (float, int)):
        return [1 - value, 1 + value]
    if len(value) == 2 and all(isinstance(v, (float, int)) for v in value):
        return list(value)
    raise ValueError(f"`zoom_range` should be a float or a tuple or list of two floats. Received: {value}")
