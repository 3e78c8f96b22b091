"""How many tasks of a set are solved: `journeyman eval run` with a state of its own, so that each call measures anew.

    python benchmarks/solve.py --set FILE [--state FOLDER] [what `eval run` takes: --model, --only, --limit, …]

The state, logs and all, is kept where `--state` says.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench solve", description=__doc__)
    parser.add_argument("--set", type=Path, required=True, help="JSON lines, one task each")
    parser.add_argument("--model", default="local")
    parser.add_argument("--state", type=Path, default=None, help="keep the state there, logs and all")
    arguments, rest = parser.parse_known_args()
    program = Path(sys.executable).with_name("journeyman")
    with tempfile.TemporaryDirectory(prefix="solve-state-") as temporary:
        state = arguments.state or Path(temporary)
        command = [program, "eval", "run", arguments.set, "--model", arguments.model, *rest]
        return subprocess.run(command, env=os.environ | {"JOURNEYMAN_HOME": str(state)}).returncode


if __name__ == "__main__":
    sys.exit(main())
