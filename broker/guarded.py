"""python guarded.py PID COMMAND...: becomes the command, and kills it when process PID ends.

However PID ends, by kill -9 too: a child process waits for that, and ends with the command. The
kernel's own way (PR_SET_PDEATHSIG) would kill the command when the *thread* that started it ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys


def main() -> None:
    own = os.pidfd_open(os.getpid())
    try:
        guardian = os.pidfd_open(int(sys.argv[1]))
    except ProcessLookupError:
        return
    if os.fork():
        os.execv(sys.argv[2], sys.argv[2:])
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    ended, _, _ = select.select([own, guardian], [], [])
    if own not in ended:
        signal.pidfd_send_signal(own, signal.SIGKILL)


if __name__ == "__main__":
    main()
