"""Layers that prepare data: numbers, images, categories, texts."""

from fastkeras.layers.preprocessing.boxes import MaxNumBoundingBoxes
from fastkeras.layers.preprocessing.categories import CategoryEncoding, Discretization
from fastkeras.layers.preprocessing.colours import (
    RandomBrightness,
    RandomContrast,
    RandomGrayscale,
    RandomInvert,
    Solarization,
)
from fastkeras.layers.preprocessing.defects import RandomErasing, RandomGaussianBlur
from fastkeras.layers.preprocessing.distortions import RandomElasticTransform, RandomPerspective
from fastkeras.layers.preprocessing.hashing import HashedCrossing, Hashing
from fastkeras.layers.preprocessing.histograms import ContrastLimitedAdaptiveHistogramEqualization, Equalization
from fastkeras.layers.preprocessing.hues import (
    RandomColorDegeneration,
    RandomColorJitter,
    RandomHue,
    RandomSaturation,
)
from fastkeras.layers.preprocessing.images import (
    CenterCrop,
    RandomCrop,
    RandomFlip,
    Resizing,
)
from fastkeras.layers.preprocessing.lookup import IntegerLookup, StringLookup
from fastkeras.layers.preprocessing.mixing import CutMix, MixUp
from fastkeras.layers.preprocessing.normalization import Normalization, Rescaling
from fastkeras.layers.preprocessing.pipeline import Pipeline
from fastkeras.layers.preprocessing.policies import AugMix, RandAugment
from fastkeras.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from fastkeras.layers.preprocessing.text import TextVectorization
from fastkeras.layers.preprocessing.tones import AutoContrast, RandomPosterization, RandomSharpness
from fastkeras.layers.preprocessing.warping import RandomRotation, RandomShear, RandomTranslation, RandomZoom

__all__ = [
    "AugMix",
    "AutoContrast",
    "CategoryEncoding",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Discretization",
    "Equalization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MaxNumBoundingBoxes",
    "MelSpectrogram",
    "MixUp",
    "Normalization",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
    "StringLookup",
    "TextVectorization",
]
