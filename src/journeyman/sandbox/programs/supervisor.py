"""The first program inside a container: `python -I -S supervisor CHANNEL WORKSPACE GATEWAY CPU LIMITS…`, with process
id 1."""

from __future__ import annotations

import sys

from journeyman.sandbox.programs.serving import supervise


def main() -> None:
    channel, workspace, gateway, cpu = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    pairs = [pair.split("=") for pair in sys.argv[5:]]
    supervise(channel, workspace, gateway, cpu, [(kind, int(value)) for kind, value in pairs])


if __name__ == "__main__":
    main()
