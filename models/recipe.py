"""The knobs of a training, checked when they are set.

Input: numbers and names from a user; output: a ``Recipe``. What they do is in ``training_step.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..codegen.errors import UserError

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("cosine", "constant", "step")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training's result, besides the network and the data.

    The defaults made the bundled lenet5: noise of one Q4.4 step on the kernels and a penalty on
    results that Q4.4 can't hold keep the accuracy when the network is quantized later.
    """

    epochs: int = 16  # passes over the training set, >= 1
    batch: int = 64  # images per step, >= 1
    seed: int = 1  # of weights, split, order, augmentation and noise
    optimizer: str = "adam"  # one of OPTIMIZERS
    momentum: float = 0.9  # of sgd, Nesterov's where it is not 0; adam does not look at it
    lr: float = 2e-3  # learning rate at the start
    schedule: str = "cosine"  # one of SCHEDULES; step: / 10 at 50 % and at 75 %; cosine ends at 1 %
    augment: bool = True  # shift by up to 2 pixels, rotate by up to 8°, scale by up to 8 %
    weight_noise: float = 1 / 16  # width of uniform noise on kernels in training; 1/16: as Q4.4
    label_smoothing: float = 0.0  # 0 .. < 1
    activity_limit: float = 7.5  # hidden results beyond this are penalised (Q4.4 ends at 8); 0: off
    validation: float = 0.1  # part of the training set kept for the choice of the epoch
    patience: int = 0  # epochs without a better one after which training stops; 0: never

    def __post_init__(self) -> None:
        checks = (
            (self.epochs >= 1, f"epochs must be at least 1, not {self.epochs}"),
            (self.batch >= 1, f"batch must be at least 1, not {self.batch}"),
            (0 <= self.seed < 2**32, f"seed must be in 0..4294967295, not {self.seed}"),
            (
                self.optimizer in OPTIMIZERS,
                f"optimizer {self.optimizer!r} unknown; there are: {', '.join(OPTIMIZERS)}",
            ),
            (
                self.schedule in SCHEDULES,
                f"schedule {self.schedule!r} unknown; there are: {', '.join(SCHEDULES)}",
            ),
            (0 <= self.momentum < 1, f"momentum must be in [0, 1), not {self.momentum}"),
            (0 < self.lr < math.inf, f"learning rate must be positive and finite, not {self.lr}"),
            (
                0 <= self.weight_noise <= 1,
                f"weight noise must be in 0..1, not {self.weight_noise}",
            ),
            (
                0 <= self.label_smoothing < 1,
                f"label smoothing must be in [0, 1), not {self.label_smoothing}",
            ),
            (
                0 <= self.activity_limit < math.inf,
                f"activity limit must not be negative, not {self.activity_limit}",
            ),
            (0 < self.validation < 1, f"validation must be in (0, 1), not {self.validation}"),
            (self.patience >= 0, f"patience must not be negative, not {self.patience}"),
        )
        for good, message in checks:
            if not good:
                raise UserError(f"recipe: {message}")
