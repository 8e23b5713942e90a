"""Copy what a job server knows, while it runs: python back_up.py FROM TO."""

import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

source, backups = map(Path, sys.argv[1:])
target = backups / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
draft = backups / f"{target.name}.draft"
draft.mkdir(mode=0o700, parents=True)
for name in ("jobs.db", "jobs.db.people"):
    # A transaction that only reads: all of one moment, and nobody waits for it.
    with closing(sqlite3.connect(f"file:{source / name}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", [str(draft / name)])
for name in ("jobs.db.secret", "jobs.db.token", "jobs.db.drained"):
    if (source / name).exists():  # the secret may be elsewhere, by --secret-file
        shutil.copy2(source / name, draft)
if (source / "jobs.db.files").is_dir():
    shutil.copytree(source / "jobs.db.files", draft / "jobs.db.files")
draft.rename(target)  # only now it is a backup
print(target)
