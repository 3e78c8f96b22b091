"""Why a set-up failed, as far as its last words tell."""

import re
from collections.abc import Sequence

from journeyman.core.environment import Refusal

_SAID = (
    (
        r"No space left on device|Disk quota exceeded|\[Errno 28\]",
        "The disk is full, or the limit `disk_bytes` is reached.",
    ),
    (
        r"requires a different Python|Requires-Python|requires Python ['\"<>=~!]|python_requires|"
        r"Python \d[\d.]* (?:is not|not) (?:supported|compatible)|No Python at|incompatible with this project",
        "What is to be installed wants another version of Python than the one that is here.",
    ),
    (
        r"ensurepip is not|No module named ['\"]?(?:venv|ensurepip)",
        "The Python that is here cannot make virtual environments; on Debian the package python3-venv is missing.",
    ),
    (
        r"command ['\"]?(?:gcc|cc|g\+\+|clang|x86_64-linux-gnu-gcc)['\"]? failed|unable to execute ['\"]?(?:gcc|cc)|"
        r"(?:gcc|cc|g\+\+|make|cmake|pkg-config): (?:command )?not found|"
        r"No such file or directory: ['\"](?:gcc|cc|g\+\+|cmake|make|pg_config|pkg-config)|"
        r"not found: (?:make|g\+\+|gcc)|linker [`'\"]cc[`'\"] not found|"
        r"CMake must be installed|Microsoft Visual C\+\+",
        "A package has to be compiled and there is no compiler or build tool here; install it on this machine, or "
        "name an image that has it under [base].",
    ),
    (
        r"fatal error: [\w./+-]+\.h: No such file|pg_config executable not found|Package [\w.+-]+ was not found in the "
        r"pkg-config|ld: cannot find -l",
        "A package has to be compiled and the headers of a library are missing; install its development package, or "
        "name an image that has it under [base].",
    ),
    (
        r"Unsupported engine|EBADENGINE|The engine ['\"]node['\"] is incompatible|requires? Node(?:\.js)? ",
        "What is to be installed wants another version of Node.js than the one that is here.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES|EINTEGRITY|checksum mismatch|hash mismatch|Hash mismatch",
        "A package is not the one that the lock file names: its checksum differs.",
    ),
    (
        r"npm ci.*can only install|lock file.*not up to date|lockfile.*(?:out of date|needs to be updated)|"
        r"frozen-lockfile|pyproject\.toml changed significantly|--locked was passed|lock file .* needs to be updated",
        "The lock file does not fit the manifest beside it; bring it up to date and commit it.",
    ),
    (
        r"ResolutionImpossible|conflicting dependencies|ERESOLVE|version solving failed",
        "Requirements contradict each other.",
    ),
    (
        r"401 (?:Unauthorized|Client Error)|403 (?:Forbidden|Client Error)|E401|E403|ENEEDAUTH|"
        r"authentication (?:failed|required)",
        "A package index wants a login; store it with `journeyman secret set` and bind it under [secrets].",
    ),
    (
        r"No matching distribution found|Could not find a version that satisfies|E404|ETARGET|"
        r"no matching package named|Could not find gem|Could not find artifact|unknown revision",
        "A package, or this version of it, is not in the index that this machine uses.",
    ),
)
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Could not resolve host|getaddrinfo|EAI_AGAIN|"
    r"ENOTFOUND|ECONNREFUSED|Network is unreachable|Connection refused|NewConnectionError|UnknownHostException|"
    r"dial tcp|failed to lookup address|Failed to establish a new connection|error sending request"
)
_NOT_FOUND = re.compile(r"(?m)^(?:.*: )?(?:line \d+: )?([\w.+-]+): (?:command )?not found$")


def likely_cause(output: str, *, cut: str | None, code: int | None, access: str, refusals: Sequence[Refusal]) -> str:
    """A sentence on why a set-up failed; empty where nothing is known. `cut` is the limit that ended it."""
    if cut is not None:
        return {
            "time": "It ran longer than its time limit (`seconds` under [limits]).",
            "memory": "It used more memory than the limit (`memory_bytes` under [limits]).",
            "disk": "It wrote more than the limit (`disk_bytes` under [limits]).",
            "output": "It wrote more output than the limit (`output_bytes` under [limits]).",
            "gone": "The sandbox died.",
        }.get(cut, f"It reached the limit: {cut}.")
    if code == 137:
        return "It was killed, most likely for want of memory (`memory_bytes` under [limits])."
    tail = output[-20_000:]
    if refusals:
        return _refused(refusals)
    for pattern, sentence in _SAID:
        if re.search(pattern, tail, re.IGNORECASE):
            return sentence
    if _NO_NETWORK.search(tail):
        if access == "off":
            return "It wants the network, and set-up has none here: allow it under [setup] `network`."
        return "A host could not be reached; programs must use the proxy that the variables name."
    if (missing := _NOT_FOUND.findall(tail)) or code == 127:
        name = f"The program {missing[-1]}" if missing else "A program"
        return f"{name} is not here: install it on this machine, let set-up install it, or name an image under [base]."
    return ""


def _refused(refusals: Sequence[Refusal]) -> str:
    last = refusals[-1]
    others = len({refusal.host for refusal in refusals}) - 1
    more = f" ({others} more host{'' if others == 1 else 's'} too)" if others else ""
    remedy = f" `journeyman env allow --setup {last.remedy}` lets it through." if last.remedy else ""
    return f"The network policy refused {last.method} to {last.host}{more}: {last.reason}{remedy}"
