"""files -> a zip whose bytes depend on nothing but their names and contents: no times, no owners, one order

Same files, same bytes, for one version of zlib; another may compress otherwise. What is to be published is therefore
told apart by the digest of its content, never by that of the zip.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say."""
UNIX, READABLE = 3, 0o100644 << 16


def write(target: Path, files: Mapping[str, bytes | Path], base: Path | None = None) -> Path:
    """Write a zip, after the entries of another one if there is a `base`; whole, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")  # for somebody else may write the same
    if base:
        shutil.copyfile(base, partial)
    with ZipFile(partial, "a" if base else "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = ZIP_DEFLATED, UNIX, READABLE
            archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)
    return partial.replace(target)
