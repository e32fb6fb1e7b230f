"""Model zoo, data sets and training (Keras is imported inside functions only)."""
