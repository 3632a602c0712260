"""keras.preprocessing.image: images as arrays and back, and random changes of them."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "DataFrameIterator": ".files",
        "DirectoryIterator": ".files",
        "ImageDataGenerator": ".generator",
        "Iterator": ".iterators",
        "NumpyArrayIterator": ".iterators",
        "apply_affine_transform": ".transforms",
        "apply_brightness_shift": ".transforms",
        "apply_channel_shift": ".transforms",
        "array_to_img": "fastkeras.utils.images",
        "img_to_array": "fastkeras.utils.images",
        "load_img": "fastkeras.utils.images",
        "random_brightness": ".transforms",
        "random_channel_shift": ".transforms",
        "random_rotation": ".transforms",
        "random_shear": ".transforms",
        "random_shift": ".transforms",
        "random_zoom": ".transforms",
        "save_img": "fastkeras.utils.images",
        "smart_resize": "fastkeras.utils.images",
    },
)
