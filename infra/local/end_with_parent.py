"""Ends a stack when the process that brought it up has ended: that one holds the other end of our standard input."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sys


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    sys.stdin.buffer.read()  # returns when nobody can write any more
    try:
        processes = json.loads((folder / "processes.json").read_text())
    except FileNotFoundError:
        return  # it was taken down before
    for process in processes:
        if started(process["pid"]) in (None, process["started"]):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process["pid"], signal.SIGKILL)
    for name in ("state.json", "processes.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tmp", ignore_errors=True)


def started(pid: int) -> str | None:
    """When the process of that pid was started, which tells it from a later one; None where the system does not say."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]  # proc(5): the 22nd field, of which two come before the bracket


if __name__ == "__main__":
    main()
