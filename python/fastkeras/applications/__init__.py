"""keras.applications: published image classifiers, for transfer learning."""

from fastkeras.lazy import lazy

_MODELS = {
    "convnext": [f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")],
    "densenet": ["DenseNet121", "DenseNet169", "DenseNet201"],
    "efficientnet": [f"EfficientNetB{i}" for i in range(8)],
    "efficientnet_v2": [f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")],
    "inception_resnet_v2": ["InceptionResNetV2"],
    "inception_v3": ["InceptionV3"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "mobilenet_v3": ["MobileNetV3Large", "MobileNetV3Small"],
    "nasnet": ["NASNetLarge", "NASNetMobile"],
    "resnet": ["ResNet50", "ResNet101", "ResNet152"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "xception": ["Xception"],
}

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {model: f".{module}" for module, models in _MODELS.items() for model in models},
    (*_MODELS, "imagenet_utils", "resnet50"),
)
