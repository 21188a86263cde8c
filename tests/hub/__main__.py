"""A local Hub to try publishing: ``python -m tests.hub FOLDER --ready FILE``.

It takes a free port. When it is ready it writes two lines to FILE: its address, and the token of its only user.
"""

import argparse
import signal
import sys
from pathlib import Path

from tests.hub.server import running_hub


def main() -> None:
    """Serve until the process gets a signal."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, help="folder for its contents")
    options.add_argument("--ready", type=Path, required=True, help="file for its address and token")
    options.add_argument("--organization", default="demo", help="organization that its user may write to")
    named = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with running_hub(named.folder) as hub:
        hub.organizations = (named.organization,)
        written = named.ready.with_suffix(".part")
        written.write_text(f"{hub.address}\n{hub.token}\n", encoding="utf-8")
        written.rename(named.ready)
        signal.pause()


if __name__ == "__main__":
    main()
