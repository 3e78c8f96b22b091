"""The stager where only the engine is root: `python -I -S helper DOOR HOST SOURCES`, in a container of its own.

A user who may use an engine that root runs may do everything by it, but cannot enter a container's namespaces himself.
So the engine runs this program, ours alone, with no image behind it, as root among the host's processes and with the
host's root directory at HOST. It does what `stage.py` does and ends before anything of an image runs.
"""

# what is imported after the change of root comes from SOURCES, and needs these to be there already:
import __future__ as __future__

import _ctypes as _ctypes
import _socket
import errno as errno
import marshal
import os
import resource as resource
import stat as stat
import sys


def main() -> None:
    door, host, sources = sys.argv[1:4]
    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    end.connect(door)
    _, extra, _, _ = end.recvmsg(1, _socket.CMSG_SPACE(8))
    if not extra:
        os._exit(0)  # the host has gone
    channel, paper = (int.from_bytes(extra[0][2][at : at + 4], sys.byteorder) for at in (0, 4))
    plan = marshal.loads(os.pread(paper, os.fstat(paper).st_size, 0))
    plan["channel"], plan["process"] = channel, os.pidfd_open(plan["process"])
    try:
        os.chroot(host)
        os.chdir("/")
        sys.path.insert(0, sources)
        from journeyman.sandbox.container.stage import lay_out, sentence

        try:
            lay_out(plan)
        except OSError as error:
            end.send(sentence(error))
        else:
            end.send(b"+")
    except (OSError, ImportError) as error:
        end.send(str(error).encode())


if __name__ == "__main__":
    main()
