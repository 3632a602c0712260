"""Callbacks: what happens between the steps of training."""

from fastkeras.callbacks.callback import Callback as Callback
from fastkeras.callbacks.callback import CallbackList as CallbackList
from fastkeras.callbacks.checkpoints import BackupAndRestore as BackupAndRestore
from fastkeras.callbacks.checkpoints import ModelCheckpoint as ModelCheckpoint
from fastkeras.callbacks.checkpoints import SwapEMAWeights as SwapEMAWeights
from fastkeras.callbacks.loggers import CSVLogger as CSVLogger
from fastkeras.callbacks.loggers import History as History
from fastkeras.callbacks.loggers import LambdaCallback as LambdaCallback
from fastkeras.callbacks.loggers import ProgbarLogger as ProgbarLogger
from fastkeras.callbacks.loggers import RemoteMonitor as RemoteMonitor
from fastkeras.callbacks.loggers import TerminateOnNaN as TerminateOnNaN
from fastkeras.callbacks.monitors import EarlyStopping as EarlyStopping
from fastkeras.callbacks.monitors import LearningRateScheduler as LearningRateScheduler
from fastkeras.callbacks.monitors import ReduceLROnPlateau as ReduceLROnPlateau
from fastkeras.callbacks.tensorboard import TensorBoard as TensorBoard
