"""a service's content -> its zip: first the wheels, then the code"""

from pathlib import Path

from infra.publishing import archive
from infra.publishing.content import Content, PackageError
from infra.publishing.wheels import wheels


def build(content: Content, folder: Path, cache: Path) -> Path:
    """Write `folder/<service>.zip`; `cache` keeps what all services share.

    Raises:
        PackageError: the service has no code, or its wheels cannot be had.
    """
    if missing := content.missing():
        raise PackageError(missing)
    return archive.write(folder / f"{content.service}.zip", content.files, base=wheels(content, cache))
