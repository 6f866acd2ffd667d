"""Runs the app: `python -m daytwo.demo.app FOLDER`. Prints its port, then serves until SIGTERM."""

import signal
import sys
from pathlib import Path

from daytwo.demo.app.server import serve


def main() -> None:
    """Serve the folder that the command line names."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server = serve(Path(sys.argv[1]))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
