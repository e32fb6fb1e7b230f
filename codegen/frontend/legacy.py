"""Files of Keras 2 that Keras 3 can't read, while tf-keras can: what to tell their owners.

Tried with files of tf-keras 2.21: Keras 3.15 reads its ``.h5`` files except those named here, and
none of its ``.keras`` archives.
"""

from __future__ import annotations

# Layers that Keras 2 made of TensorFlow functions called between layers (tf.nn.relu(x), x / 255).
TENSORFLOW_LAYERS = (
    "TFOpLambda",
    "SlicingOpLambda",
    "ClassMethod",
    "InstanceMethod",
    "InstanceProperty",
    "TensorFlowOpLayer",
)
POLICY = "Policy"  # how Keras 2 stored mixed precision

ONLY_TF_KERAS = (
    "only tf-keras reads it: load it there, build the same layers in Keras 3, copy the weights "
    "(get_weights, set_weights) and save that model as .keras"
)


def only_tf_keras(version: str) -> str:
    """Return what to put behind Keras' message if a Keras 2 wrote the file, else nothing."""
    return f"; written by Keras {version[:20]}, {ONLY_TF_KERAS}" if version.startswith("2.") else ""
