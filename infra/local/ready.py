"""How a background process of the local stack says that it is ready, and where it listens."""

import json
import os
import pathlib


def write_ready(path: str, content: dict) -> None:
    """Appears whole or not at all: a reader never sees half a file."""
    target = pathlib.Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(json.dumps(content))
    draft.replace(target)
