"""Distiller: the model that trains a student with a teacher."""

from fastkeras import metrics, ops, registry, tree
from fastkeras.distillation.losses import losses_of
from fastkeras.engine import nest
from fastkeras.models import Model, Sequential

_FINAL = "final_output"  # among the outputs of layers, those of the model


@registry.register("keras.distillation")
class Distiller(Model):
    """Trains a student on `w * student_loss + (1 - w) * distillation_loss`, w being `student_loss_weight`.

    Args:
        teacher: a trained model; it is frozen.
        student: the model to be trained; its outputs are those of the distiller.
        distillation_losses: a `DistillationLoss`, or a list of them.
        distillation_loss_weights: what each of these counts; 1 by default.
        student_loss_weight: in [0, 1].

    `compile(optimizer, loss, metrics)` takes the loss of the student on the labels. The logs have "student_loss",
    "distillation_loss" and "total_loss". A student whose layers are compared runs once more per step for them. As in
    Keras, losses that layers add (regularizers) do not count.

    Raises:
        ValueError: for models whose inputs or outputs differ in shape or dtype, for weights that do not fit, and for
            losses that are not for these models.

    >>> import fastkeras as keras
    >>> teacher, student = (keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]) for _ in range(2))
    >>> loss = keras.distillation.LogitsDistillation(3.0, keras.losses.KLDivergence())
    >>> distiller = keras.distillation.Distiller(teacher, student, loss)
    >>> distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(keras.ops.ones((8, 3)), keras.ops.ones((8,)), verbose=0)
    >>> sorted(history.history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher,
        student,
        distillation_losses,
        distillation_loss_weights=None,
        student_loss_weight=0.5,
        name="distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        if not isinstance(student_loss_weight, (int, float)) or not 0.0 <= student_loss_weight <= 1.0:
            raise ValueError(
                "student_loss_weight must be a number between 0.0 and 1.0. "
                f"Received: student_loss_weight={student_loss_weight}"
            )
        if distillation_losses is None:
            raise ValueError("'distillation_losses' cannot be `None`. Received: distillation_losses=None")
        if not isinstance(distillation_losses, (list, tuple)):
            distillation_losses = [distillation_losses]
        if distillation_loss_weights is None:
            distillation_loss_weights = [1.0] * len(distillation_losses)
        if len(distillation_loss_weights) != len(distillation_losses):
            raise ValueError(
                "Number of distillation_loss_weights must match number of distillation_losses. Received: "
                f"distillation_loss_weights={distillation_loss_weights} for {len(distillation_losses)} losses"
            )
        for loss in distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self.teacher = teacher
        self.student = student
        self.student_loss_weight = student_loss_weight
        self.distillation_losses = distillation_losses
        self.distillation_loss_weights = distillation_loss_weights
        self._teacher_feature_extractor = _extractor(teacher, distillation_losses, "teacher_layer_name")
        self._student_feature_extractor = _extractor(student, distillation_losses, "student_layer_name")
        self.teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """Configures the distiller for training.

        Args:
            loss: of the student's outputs and the labels: name, function or `Loss`, or a structure of them.

        The other arguments are those of `Model.compile`, without `loss_weights`.
        """
        if loss is None:
            raise ValueError("'loss' cannot be `None`. Received: loss=None")
        if kwargs.get("loss_weights") is not None:
            raise ValueError(
                f"[Distiller] a student's losses have no weights. Received: loss_weights={kwargs['loss_weights']}"
            )
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)
        vars(self)["_student_loss"] = losses_of(loss)  # as it is: lists among a layer's attributes are tracked ones
        self._compile_arguments["loss"] = loss

    def compile_from_config(self, config):
        """Compiles with the arguments that `get_compile_config` gave; a file of Keras's has no loss, which is said."""
        if config.get("loss") is None:
            super().compile_from_config(config)
        else:
            self._compile_with(config)

    def call(self, inputs, training=None, **kwargs):
        if not self.teacher.built:
            self.teacher(inputs, training=False)
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of both losses; updates their means.

        Raises:
            ValueError: for sample weights, which the losses of a distiller do not have.
        """
        if sample_weight is not None:
            raise ValueError(
                f"[Distiller] losses have no sample weights. Received: sample_weight of shape {sample_weight.shape}"
            )
        if y_pred is None:
            y_pred = self(x, training=training)
        share, student_loss, distillation_loss = self.student_loss_weight, 0.0, 0.0
        if share > 0.0 and y is not None:
            student_loss = self._loss_of_student(y, y_pred)
        if share < 1.0:
            distillation_loss = self._loss_of_distillation(x, y_pred, training)
        total = share * student_loss + (1.0 - share) * distillation_loss
        self.student_loss_tracker.update_state(student_loss)
        self.distillation_loss_tracker.update_state(distillation_loss)
        self.total_loss_tracker.update_state(total)
        return total

    def _loss_of_student(self, y, y_pred):
        values = tree.map_structure(
            lambda loss, *ys: 0.0 if loss is None else ops.mean(loss(*ys)), self._student_loss, y, y_pred
        )
        return sum(nest.flatten(values))

    def _loss_of_distillation(self, x, y_pred, training):
        teacher, student = self._teacher_feature_extractor, self._student_feature_extractor
        of_teacher = {_FINAL: self.teacher(x, training=False)} if teacher is None else teacher(x, training=False)
        of_student = {} if student is None else student(x, training=training)
        of_student = {**of_student, _FINAL: y_pred}
        total = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            outputs = [
                features[getattr(loss, name, None) or _FINAL]
                for features, name in ((of_teacher, "teacher_layer_name"), (of_student, "student_layer_name"))
            ]
            loss.validate_outputs(*outputs)
            value = loss.compute_loss(*outputs)
            if getattr(value, "shape", ()):
                raise ValueError(
                    "[Distiller] the compute_loss method of a distillation loss must return a scalar. "
                    f"Received: shape {value.shape} from {type(loss).__name__}"
                )
            total = total + weight * value
        return total

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = {
            name: registry.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("teacher", "student", "distillation_losses")
        }
        return cls(**{**config, **parts})


def _check_models(teacher, student):
    """Raises ValueError unless two models take and give the same; of subclassed ones nothing is known."""
    for role, model in (("Teacher", teacher), ("Student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"{role} must be a keras.Model. Received: {role.lower()}={model} (of type {type(model)})")
    for kind in ("input", "output"):
        ours, theirs = (getattr(model, f"{kind}s", None) for model in (teacher, student))
        if ours is not None and theirs is not None:
            if len(ours) != len(theirs):
                raise ValueError(
                    f"Teacher and student must have as many {kind}s. Received: {len(ours)} and {len(theirs)}"
                )
            for a, b in zip(ours, theirs, strict=True):
                _check_tensors(a, b, kind)


def _check_tensors(a, b, kind):
    if len(a.shape) != len(b.shape):
        raise ValueError(
            f"Teacher and student {kind} shapes have different dimensions. Teacher: {a.shape}, Student: {b.shape}."
        )
    if any(None not in pair and pair[0] != pair[1] for pair in zip(a.shape, b.shape, strict=True)):
        raise ValueError(f"Teacher and student {kind} shapes are incompatible. Teacher: {a.shape}, Student: {b.shape}.")
    if a.dtype != b.dtype:
        raise ValueError(f"Teacher and student {kind} dtypes must match. Teacher: {a.dtype}, Student: {b.dtype}.")


def _extractor(model, distillation_losses, attribute):
    """A model of the outputs of those layers that the losses name in `attribute`, and of the outputs of `model`."""
    names = list(dict.fromkeys(filter(None, (getattr(loss, attribute, None) for loss in distillation_losses))))
    if not names:
        return None
    final = model.layers[-1].output if isinstance(model, Sequential) else model.output
    outputs = {_FINAL: final, **{name: model.get_layer(name=name).output for name in names}}
    return Model(inputs=model.inputs, outputs=outputs, name=f"{model.name}_multi_feature_extractor")
