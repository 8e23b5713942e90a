"""Where a file is: not on a network, if the machine can tell."""

# Theory of operation
# -------------------
# Processes that share a file in WAL mode share memory, too, which two machines cannot; and the
# locks of network file systems are known to fail. So a file there may be damaged. It mostly works
# as long as only one machine uses it, which cannot be told from here; hence a warning.

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")

_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|ceph|lustre|beegfs|gpfs|glusterfs|orangefs|gfs2|ocfs2"
    r"|fuse\.(sshfs|glusterfs|ceph(-fuse)?|s3fs|rclone|juicefs|smbnetfs|davfs2?|moosefs)"
)


def network_file_system_of(path: str) -> str | None:
    """Return the type of the network file system on which a path is; ``None`` if it is on none.

    ``None``, too, where the system does not tell.
    """
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = os.path.realpath(path)
    kind, longest = None, -1
    for line in lines:
        left, dash, right = line.partition(" - ")
        if dash:
            point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), left.split()[4])
            inside = place == point or place.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= longest:  # of two on one point, the later one is seen
                kind, longest = right.split()[0], len(point)
    return kind if kind is not None and _NETWORK.fullmatch(kind) else None
