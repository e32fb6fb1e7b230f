"""``python -m lenetgen`` is the ``lenetgen`` command."""

from .cli.main import main

if __name__ == "__main__":
    main()
