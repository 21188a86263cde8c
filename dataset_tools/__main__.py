"""``python -m dataset_tools`` is ``afg-data``."""

from dataset_tools.cli.main import main

if __name__ == "__main__":  # worker processes import this module again and must not run it
    main()
