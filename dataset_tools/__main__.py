"""Entry point of ``python -m dataset_tools``, the same as ``afg-data``."""

from dataset_tools.cli.main import main

if __name__ == "__main__":  # worker processes import this module and must not run it
    main()
