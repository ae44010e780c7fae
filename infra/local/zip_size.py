"""Prints how many bytes a function's binary has as the zip that Lambda takes."""

import io
import pathlib
import sys
import zipfile


def zip_size(binary: pathlib.Path) -> int:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        z.write(binary, "bootstrap")
    return archive.tell()


if __name__ == "__main__":
    print(zip_size(pathlib.Path(sys.argv[1])))
