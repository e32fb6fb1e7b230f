"""List the packages: the repository root is the package ``lenetgen`` (see pyproject.toml)."""

from setuptools import find_packages, setup

_FOLDERS = find_packages(include=["cli*", "codegen*", "sim*", "models*", "vivado*"])
setup(packages=["lenetgen", *(f"lenetgen.{name}" for name in _FOLDERS)])
