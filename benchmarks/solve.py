"""How many tasks of a set are solved: `journeyman eval run` with a state of its own, so that each call measures anew.

python benchmarks/solve.py --set FILE [what `eval run` takes: --model, --only, --limit, --strategy, …]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    arguments = sys.argv[1:]
    if "--set" not in arguments[:-1]:
        print(__doc__, file=sys.stderr)
        return 2
    at = arguments.index("--set")
    rest = [*arguments[:at], *arguments[at + 2 :]]
    model = [] if {"-m", "--model"} & set(rest) else ["--model", "local"]
    program = Path(sys.executable).with_name("journeyman")
    with tempfile.TemporaryDirectory(prefix="solve-state-") as state:
        command = [program, "eval", "run", arguments[at + 1], *model, *rest]
        return subprocess.run(command, env=os.environ | {"JOURNEYMAN_HOME": state}).returncode


if __name__ == "__main__":
    sys.exit(main())
