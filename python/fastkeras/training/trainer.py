"""Trainer: the part of a model that compiles, fits, evaluates and predicts."""

import inspect
import types
import warnings

from fastkeras import engine, metrics, ops, optimizers
from fastkeras.engine import TensorSpec, nest
from fastkeras.layers.state import edits
from fastkeras.registry import deserialize_keras_object, serialize_keras_object
from fastkeras.training.array_data import has_words
from fastkeras.training.compile_loss import CompileLoss
from fastkeras.training.compile_metrics import CompileMetrics
from fastkeras.training.loops import Loops
from fastkeras.training.parallel import ALONE, team
from fastkeras.utils.packing import unpack_x_y_sample_weight


class Trainer(Loops):
    """compile, the steps of training, testing and predicting, and their results; `Loops` runs them over data.

    A step is Python that is traced once per shape of its batch and then runs compiled; with `run_eagerly=True` it
    runs as it is. A subclass may override `train_step(data)`, `test_step`, `predict_step`, `compute_loss` and
    `compute_metrics`.
    """

    run_eagerly = False  # compile() sets it

    def __init__(self):
        # vars(self): these are the trainer's own, not layers and metrics that the model should track.
        vars(self).update(
            compiled=False, optimizer=None, loss=None, jit_compile=True, steps_per_execution=1,
            stop_training=False, train_function=None, test_function=None, predict_function=None, history=None,
            _compile_loss=None, _compile_metrics=None, _loss_tracker=None, _compile_arguments=None,
            _initial_epoch=None,
        )  # fmt: skip
        self._forget_programs()

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Configures the model for training.

        Args:
            optimizer: name or instance.
            loss: name, function or `Loss`; for several outputs a list or dict of them.
            loss_weights: float, list or dict: what each loss counts in the total.
            metrics, weighted_metrics: lists of names, functions or `Metric`s, or lists or dicts of these per output;
                only the weighted ones see sample weights.
            run_eagerly: run steps as Python, op by op, instead of compiled.
            steps_per_execution: steps between two calls of callbacks' batch hooks.
            jit_compile: steps are always compiled unless `run_eagerly`; kept for the config.
            auto_scale_loss: scales the loss under the policy "mixed_float16".

        >>> import fastkeras as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
        """
        if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(
                "[compile] steps_per_execution must be a positive integer. "
                f"Received: steps_per_execution={steps_per_execution}"
            )
        if jit_compile and jit_compile != "auto" and run_eagerly:
            warnings.warn(
                "If `run_eagerly` is True, then `jit_compile` cannot also be True. Disabling `jit_compile`.",
                stacklevel=2,
            )
        optimizer = optimizers.get(optimizer)
        names = getattr(self, "output_names", None)
        arguments = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": bool(jit_compile) and not run_eagerly,
        }  # fmt: skip
        if auto_scale_loss and optimizer is not None and self.dtype_policy.name == "mixed_float16":
            optimizer = optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        has_metrics = metrics is not None or weighted_metrics is not None
        vars(self).update(
            optimizer=optimizer,
            loss=loss,
            run_eagerly=run_eagerly,
            jit_compile=arguments["jit_compile"],
            steps_per_execution=steps_per_execution,
            stop_training=False,
            compiled=True,
            _compile_loss=None if loss is None else CompileLoss(loss, loss_weights, output_names=names),
            _compile_metrics=CompileMetrics(metrics, weighted_metrics, output_names=names) if has_metrics else None,
            _loss_tracker=_mean("loss"),
            _compile_arguments=arguments,
        )
        self._forget_programs()

    def _forget_programs(self):
        """What was traced is no longer what the model is."""
        vars(self).update(
            train_function=None, test_function=None, predict_function=None, _traced_with={}, _call_edits=None
        )

    # --- the steps ---

    def train_step(self, data):
        """One training step on a batch: forward, loss, gradients, update, metrics. Returns the logs as a dict."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with engine.GradientTape() as tape:
            y_pred = self._forward(x, training=True)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
            self._loss_tracker.update_state(loss, sample_weight=_rows(x))
            if self.optimizer is not None:
                loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        if weights:
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data):
        """One evaluation step on a batch. Returns the logs as a dict."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._compute_loss(x, y, y_pred, sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=_rows(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        """The predictions for a batch."""
        return self._forward(unpack_x_y_sample_weight(data)[0], training=False)

    def _forward(self, x, training):
        return self(x, training=training) if self._call_has_training_arg else self(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss of a batch: the compiled losses plus what layers added.

        Raises:
            ValueError: where there is no loss, or a compiled one but no `y`.
        """
        found = []
        if self._compile_loss is not None:
            if y is None:
                raise ValueError("[fit] the compiled loss needs labels. Received: y=None")
            loss = self._compile_loss(y, y_pred, sample_weight)
            if loss is not None:
                found.append(loss)
        for loss in self.losses:
            if "float" not in loss.dtype:
                loss = ops.cast(loss, engine.config.floatx())
            found.append(ops.sum(loss))
        if not found:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        total = found[0]
        for loss in found[1:]:
            total = total + loss
        return total

    def _compute_loss(self, x, y, y_pred, sample_weight, training):
        if "training" in inspect.signature(self.compute_loss).parameters:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def compiled_loss(self, y, y_pred, sample_weight=None, regularization_losses=None):
        """`compute_loss`, which has the `regularization_losses`, by its name in Keras 2; deprecated."""
        warnings.warn(
            "`model.compiled_loss()` is deprecated. Instead, use "
            "`model.compute_loss(x, y, y_pred, sample_weight, training)`.",
            stacklevel=2,
        )
        return self.compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight)

    @property
    def compiled_metrics(self):
        """An object whose `update_state(y, y_pred, sample_weight)` updates all metrics; deprecated as well."""
        return types.SimpleNamespace(update_state=self._update_all_metrics)

    def _update_all_metrics(self, y, y_pred, sample_weight=None):
        warnings.warn(
            "`model.compiled_metrics()` is deprecated. Instead, use e.g.:\n```\nfor metric in self.metrics:\n"
            "    metric.update_state(y, y_pred)\n```\n",
            stacklevel=2,
        )
        for metric in self.metrics:
            values = (y_pred,) if isinstance(metric, metrics.Mean) else (y, y_pred)
            metric.update_state(*values, sample_weight=sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the compiled metrics with a batch and returns the results of all metrics."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self):
        """{name: current value} of all metrics."""
        results = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    # --- metrics ---

    @property
    def metrics(self):
        """The loss, the compiled metrics, the losses of the outputs, the model's own metrics, those of its layers."""
        found = self._compiled_metrics()
        found.extend(self._metrics)
        for layer in self._flatten_layers(include_self=False):
            if not isinstance(layer, Trainer):  # a model inside keeps its own training to itself
                found.extend(layer.metrics)
        return found

    def _compiled_metrics(self):
        if not self.compiled:
            return []
        found = [self._loss_tracker, self._compile_metrics]
        found.extend(self._compile_loss.metrics if self._compile_loss is not None else ())
        return [m for m in found if m is not None]

    @property
    def metrics_names(self):
        return [m.name for m in self.metrics]

    @property
    def metrics_variables(self):
        found = []
        for metric in self.metrics:
            found.extend(metric.variables)
        return found

    def reset_metrics(self):
        """Sets the state of all metrics to the start."""
        for metric in self.metrics:
            metric.reset_state()

    # --- functions ---

    def make_train_function(self, force=False):
        """The train step as something that runs on batches, made anew when what it was traced with has changed."""
        trained_by = team()
        traced_with = (trained_by, *map(id, self.trainable_weights))
        keep = self._logs_are_own("train_step")
        return self._make("train_function", self.train_step, keep, force, trained_by.train_step, traced_with)

    def make_test_function(self, force=False):
        return self._make("test_function", self.test_step, self._logs_are_own("test_step"), force)

    def make_predict_function(self, force=False):
        return self._make("predict_function", self.predict_step, True, force)

    @property
    def _eager(self):
        """Are steps run op by op, because `compile` says so or a layer has to?"""
        return self.run_eagerly or not all(layer.supports_jit for layer in self._flatten_layers())

    def _make(self, attribute, fn, keep, force, make=ALONE.train_step, more=()):
        traced_with = (edits.count, self.run_eagerly, id(self.optimizer), more)
        own = vars(self)
        if force or own[attribute] is None or self._traced_with.get(attribute) != traced_with:
            own[attribute] = make(self, fn, keep)
            self._traced_with[attribute] = traced_with
        return own[attribute]

    def _logs_are_own(self, step):
        """May the step return anything but the results of the metrics?"""
        cls = type(self)
        return any(
            getattr(cls, name) is not getattr(Trainer, name) for name in (step, "compute_metrics", "get_metrics_result")
        )

    # --- building ---

    def _symbolic_build(self, first_batch):
        """Makes all state (weights, metrics, optimizer slots) by running the shapes of a batch through the model.

        `first_batch()` is called when something is missing.

        What a model without a `call` of its own (a GAN, say) lacks is made where its steps are traced.
        """
        if self._lacks_call():
            return
        unbuilt = [part for part in (self._compile_metrics, self._compile_loss) if part is not None and not part.built]

        def run(x, y=None, sample_weight=None):
            y_pred = self._forward(x, training=False)
            if self._compile_loss in unbuilt:
                self._compute_loss(x, y, y_pred, sample_weight, training=False)
            if self._compile_metrics in unbuilt:
                self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
            return y_pred

        if unbuilt or not all(layer.built for layer in self._flatten_layers()):
            batch = first_batch()
            try:
                if has_words(batch):
                    run(*unpack_x_y_sample_weight(batch))
                else:
                    specs = nest.map(lambda v: None if v is None else TensorSpec(v.shape, _dtype(v)), batch)
                    engine.abstract_eval(run, *unpack_x_y_sample_weight(specs))
            except (ValueError, TypeError, KeyError):
                raise
            except Exception as error:
                raise RuntimeError(
                    "Unable to automatically build the model. Please build it yourself before calling "
                    "fit/evaluate/predict. A model is 'built' when its variables have been created and its "
                    "`self.built` attribute is True. Usually, calling the model on a batch of data is the right way "
                    f"to build it.\nException encountered:\n'{error}'"
                ) from error
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    # --- config ---

    def get_compile_config(self):
        """The arguments of `compile`, serialized."""
        return serialize_keras_object(self._compile_arguments) if self.compiled and self._compile_arguments else {}

    def compile_from_config(self, config):
        """Compiles with the arguments that `get_compile_config` gave."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is "
                "custom. All subclassed Models that have `compile()` overridden should also override "
                "`get_compile_config()` and `compile_from_config(config)`. Alternatively, you can call `compile()` "
                "manually after loading.",
                stacklevel=2,
            )
            return
        self._compile_with(config)

    def _compile_with(self, config):
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)


def _mean(name):
    return metrics.Mean(name=name)


def _dtype(v):
    return v.dtype if isinstance(v.dtype, str) else v.dtype.name


def _rows(x):
    return next(leaf for leaf in nest.flatten(x) if leaf is not None).shape[0]
