"""Secrets: who may come in, and the files in which secrets are kept."""

# Theory of operation
# -------------------
# A file of secrets has one in each line; all of them are good, so that an old and a new one are
# during a rotation. A presented one is compared with all, each in constant time. The file is made
# with its mode from the start, and whole from the start. One that others can read or have made is
# refused: it is no secret.
#
# The file is read again when it has changed. If it cannot be used then, that is told, and the
# secrets that were good stay good: a slip of a pen must not lock everybody out.

from __future__ import annotations

import hmac
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, final

LOGGER: Final = logging.getLogger("gochan.service")

_BYTES: Final = 32  # 256 bits
_SHORTEST: Final = 16  # letters
_MOST: Final = 2


class SecretError(Exception):
    """A file of secrets cannot be used."""


class Lock(Protocol):
    """What a secret opens."""

    def opens(self, presented: str | None) -> bool:
        """Whether what was presented is one of the secrets."""


@final
class Keyring:
    """The secrets that are good now; nothing is good if there is none."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets if secret]

    def __iter__(self) -> Iterator[str]:
        return (secret.decode() for secret in self._secrets)

    def opens(self, presented: str | None) -> bool:
        """Whether what was presented is one of the secrets."""
        given = (presented or "").encode()
        # All are compared, so that the time does not tell which one is nearest.
        return sum(hmac.compare_digest(given, secret) for secret in self._secrets) > 0

    @classmethod
    def read(cls, path: Path) -> Keyring:
        """Read the secrets in a file.

        Raises:
            SecretError: it cannot be read, others can read it, or what is in it is no secret.
        """
        try:
            with open(path, encoding="ascii") as file:
                status = os.fstat(file.fileno())
                lines = file.read().split()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"the file of the secret cannot be read: {error}") from None
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretError(
                f"others can read {path}, so what is in it is no secret; make a new one, and "
                f"protect it: chmod 600 {path}"
            )
        if status.st_uid != os.geteuid():
            raise SecretError(f"{path} belongs to another user, who may know what is in it")
        if not 1 <= len(lines) <= _MOST:
            raise SecretError(f"{path} has {len(lines)} secrets; it should have one, or two")
        if min(map(len, lines)) < _SHORTEST:
            raise SecretError(f"a secret in {path} has fewer than {_SHORTEST} letters")
        return cls(*lines)


@final
class SecretFile:
    """The secrets in a file, which may change while they are in use.

    Raises:
        SecretError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._keyring = Keyring.read(path)

    def opens(self, presented: str | None) -> bool:
        """Whether what was presented is one of the secrets."""
        return self._keyring.opens(presented)

    @property
    def secrets(self) -> list[str]:
        """Those that are good now."""
        return [*self._keyring]

    def look(self) -> None:
        """Read the file again, if it has changed."""
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._keyring = Keyring.read(self._path)
        except SecretError as error:
            LOGGER.warning("%s; what was good stays good", error)
        else:
            LOGGER.info("%s was read again", self._path)


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what is another one when a file has changed."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def make_secret_file(path: Path, prefix: str) -> None:
    """Make a file with a new secret, unless there is one.

    Raises:
        SecretError: the file cannot be made.
    """
    if path.exists():
        return
    secret = prefix + secrets.token_urlsafe(_BYTES)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "w") as file:
            file.write(secret + "\n")
        with suppress(FileExistsError):  # another server was faster
            os.link(draft, path)
    except OSError as error:
        raise SecretError(f"the file of the secret cannot be made: {error}") from None
    finally:
        draft.unlink(missing_ok=True)
