"""keras.applications: published image classifiers, for transfer learning."""

from fastkeras.lazy import lazy

_MODELS = {
    "efficientnet": [f"EfficientNetB{i}" for i in range(8)],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "resnet": ["ResNet50", "ResNet101", "ResNet152"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
}

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {model: f".{module}" for module, models in _MODELS.items() for model in models},
    (*_MODELS, "imagenet_utils", "resnet50"),
)
