"""One optimizer step on one batch: data order, augmentation, weight noise, loss, update.

Input: TensorFlow and Keras (imported by the caller), a model and a ``Recipe``; output: a compiled
function. Every random draw is stateless, from the recipe's seed and the number of the step, so a
training repeats itself exactly on the same machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .datasets import Images, Labels
from .recipe import Recipe


@dataclass(frozen=True)
class Extras:
    """What pruning and quantized training add to a training.

    ``variables``: what is trained, all that is trainable if None; ``masks``: (variable, mask of
    zeros and ones) of the weights that stay zero; ``logits``: the model ends without softmax;
    ``own_losses``: the model's layers have losses of their own; ``before_step``: called with the
    number of each step, from 0; ``first_choice``: the first epoch that may be chosen as the best.
    ``moving``: variables besides the model's that training changes; ``resumed``: called when they
    have been set to what an interrupted training left.
    """

    variables: list[Any] | None = None
    masks: list[tuple[Any, Any]] = field(default_factory=list)
    logits: bool = False
    own_losses: bool = False
    before_step: Callable[[int], None] | None = None
    first_choice: int = 1
    moving: list[Any] = field(default_factory=list)
    resumed: Callable[[], None] | None = None


def batches(tf: Any, images: Images, labels: Labels, recipe: Recipe) -> Any:
    """Return a data set of (float images in 0..1, labels), in a new seeded order each time.

    Every ``iter`` of it takes the next order, whether its batches are read or not.
    """
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.shuffle(len(images), seed=recipe.seed, reshuffle_each_iteration=True)
    return data.batch(recipe.batch).map(lambda x, y: (tf.cast(x, tf.float32) / 255.0, y))


def learning_rate(keras: Any, recipe: Recipe, total: int) -> Any:
    """Return the rate, or what Keras computes it with from the number of the step, from 0.

    ``total`` is the number of steps of the whole training.
    """
    if recipe.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(recipe.lr, max(total, 1), alpha=0.01)
    if recipe.schedule == "step":
        ends = [-(-total // 2) - 1, -(-total * 3 // 4) - 1]  # the last steps of each rate
        rates = [recipe.lr, recipe.lr / 10, recipe.lr / 100]
        return keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)
    return recipe.lr


def make_optimizer(keras: Any, recipe: Recipe, total: int) -> Any:
    """Return the Keras optimizer of ``recipe`` for a training of ``total`` steps."""
    rate = learning_rate(keras, recipe, total)
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def make_step(
    tf: Any, keras: Any, model: Any, recipe: Recipe, optimizer: Any, extras: Extras
) -> Any:
    """Return a compiled function (images, labels) -> (loss, hits) that takes one optimizer step.

    ``hits``: how many images were put into their class before the step. Builds ``optimizer``.
    """
    trained = model.trainable_variables if extras.variables is None else extras.variables
    optimizer.build(trained)
    classes = int(model.output_shape[-1])
    kernels = [v for v in trained if len(v.shape) > 1]
    masks = {variable.path: mask for variable, mask in extras.masks}
    hidden = [layer for layer in model.layers[:-1] if layer.weights]
    watched = model
    if recipe.activity_limit:
        outputs = [layer.output for layer in hidden]
        watched = keras.Model(model.inputs[0], [model.outputs[0], *outputs])

    def step(images: Any, labels: Any) -> Any:
        key = tf.stack(
            [tf.constant(recipe.seed, tf.int64), tf.cast(optimizer.iterations, tf.int64)]
        )
        if recipe.augment:
            images = augmented(tf, images, key)
        exact = [tf.identity(kernel) for kernel in kernels] if recipe.weight_noise else []
        for place, kernel in enumerate(kernels[: len(exact)], 1):
            own = key + tf.constant([place * 1000003, 0], tf.int64)
            half = recipe.weight_noise / 2
            noise = tf.random.stateless_uniform(kernel.shape, own, -half, half)
            kernel.assign_add(noise * masks[kernel.path] if kernel.path in masks else noise)
        with tf.GradientTape() as tape:
            result = watched(images, training=True)
            scores = result[0] if recipe.activity_limit else result
            target = tf.one_hot(labels, classes)
            if recipe.label_smoothing:
                target = target * (1 - recipe.label_smoothing) + recipe.label_smoothing / classes
            loss = tf.reduce_mean(
                keras.losses.categorical_crossentropy(target, scores, from_logits=extras.logits)
            )
            if extras.own_losses:
                loss += tf.add_n(model.losses)
            if recipe.activity_limit:
                for values in result[1:]:
                    over = tf.nn.relu(tf.abs(values) - recipe.activity_limit)
                    loss += 0.1 * tf.reduce_mean(tf.reduce_sum(tf.square(over), axis=-1))
        gradients = tape.gradient(loss, trained)
        for kernel, value in zip(kernels, exact, strict=False):
            kernel.assign(value)  # the gradient at the disturbed weights moves the exact ones
        optimizer.apply_gradients(zip(gradients, trained, strict=True))
        for variable, mask in extras.masks:
            variable.assign(variable * mask)
        hits = tf.argmax(scores, axis=1, output_type=labels.dtype) == labels
        return loss, tf.reduce_sum(tf.cast(hits, tf.int32))

    return tf.function(step)


def augmented(tf: Any, images: Any, key: Any) -> Any:
    """Return images shifted (±2 pixels), rotated (±8°) and scaled (±8 %) at random, per image.

    ``images``: float (N, H, W, C); ``key``: two integers that decide the draw.
    """
    count = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    draw = tf.random.stateless_uniform((4, count), key, -1.0, 1.0)
    angle, zoom = draw[0] * (8 * math.pi / 180), 1.0 + 0.08 * draw[1]
    cos, sin = tf.cos(angle) * zoom, tf.sin(angle) * zoom
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros_like(cos)
    transform = tf.stack(
        [
            cos,
            -sin,
            middle_x - cos * middle_x + sin * middle_y + 2.0 * draw[2],
            sin,
            cos,
            middle_y - sin * middle_x - cos * middle_y + 2.0 * draw[3],
            zero,
            zero,
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transform,
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
