"""Entry point of ``python -m publishing``, the same as ``afg``."""

from publishing.cli.main import main

if __name__ == "__main__":
    main()
