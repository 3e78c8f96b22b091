"""What opening a wire loads, since it is on the way to the first request."""

import subprocess
import sys

CODE = """
import sys
from journeyman.models.wire import http
import httpx
print(sorted({"rich", "pygments", "click"} & set(sys.modules)), callable(httpx.main))
"""


def test_httpx_comes_without_its_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"
