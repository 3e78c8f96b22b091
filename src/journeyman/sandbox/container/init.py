"""The first program of a container: `python -I -S init DOOR HANDLE LIMITS COMMAND…`, with process id 1.

It knocks at the host's socket DOOR and waits there until the host has laid out the file system and hands over its end
of the channel, which becomes the descriptor HANDLE of COMMAND. Nothing of the image has run by then. LIMITS are
`kind=value` pairs with commas between, set here since not every engine does.
"""

import _socket
import os
import resource
import sys


def main() -> None:
    door, wanted, limits, command = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    for kind, value in (map(int, pair.split("=")) for pair in limits.split(",")):
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    end.connect(door)
    _, extra, _, _ = end.recvmsg(1, _socket.CMSG_SPACE(4))
    if not extra:
        os._exit(0)  # the host has gone, or thought better of it
    handle = int.from_bytes(extra[0][2][:4], sys.byteorder)
    end.close()
    if handle != wanted:
        os.dup2(handle, wanted)
        os.close(handle)
    os.set_inheritable(wanted, True)
    os.execve(command[0], command, dict(os.environ))


if __name__ == "__main__":
    main()
