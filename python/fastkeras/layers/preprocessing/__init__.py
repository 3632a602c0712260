"""Layers that prepare data: numbers, images, categories, texts."""

from fastkeras.layers.preprocessing.categories import CategoryEncoding, Discretization
from fastkeras.layers.preprocessing.colours import (
    RandomBrightness,
    RandomContrast,
    RandomGrayscale,
    RandomInvert,
    Solarization,
)
from fastkeras.layers.preprocessing.hashing import HashedCrossing, Hashing
from fastkeras.layers.preprocessing.images import (
    CenterCrop,
    RandomCrop,
    RandomFlip,
    Resizing,
)
from fastkeras.layers.preprocessing.lookup import IntegerLookup, StringLookup
from fastkeras.layers.preprocessing.normalization import Normalization, Rescaling
from fastkeras.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from fastkeras.layers.preprocessing.text import TextVectorization
from fastkeras.layers.preprocessing.warping import RandomRotation, RandomTranslation, RandomZoom

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
    "StringLookup",
    "TextVectorization",
]
