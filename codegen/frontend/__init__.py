"""Front end: a trained Keras model becomes a float graph (``load_model``)."""
