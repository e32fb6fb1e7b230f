"""List the packages: the repository root is the package ``lenetgen`` (see pyproject.toml)."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class _BuildPy(build_py):  # type: ignore[misc]
    """Leave this very file, which lies in the package's folder, out of the package."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [entry for entry in found if entry[1] != "setup"]


_FOLDERS = find_packages(include=["cli*", "codegen*", "sim*", "models*", "vivado*"])
setup(
    packages=["lenetgen", *(f"lenetgen.{name}" for name in _FOLDERS)],
    cmdclass={"build_py": _BuildPy},
)
