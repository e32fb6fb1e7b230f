"""Front end: a trained Keras model becomes a float graph.

``load_model`` reads a file, ``convert`` takes a model in memory. One handler per Keras layer, in
one file per family; ``registry.py`` lists them.
"""

from .load import convert, load_model

__all__ = ["convert", "load_model"]
