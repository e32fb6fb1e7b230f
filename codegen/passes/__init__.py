"""Graph to graph passes, one a file; ``codegen/pipeline.py`` lists them in order."""
