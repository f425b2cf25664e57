"""Keys: who may send spans (`ingest`) and who may read the ledger from other machines (`admin`).

A key is 256 random bits, so that its plain SHA-256 can stand in a file that others may see: it cannot be guessed back.

    [[keys]]
    name = "shop"                # what it is called in messages
    sha256 = "9f86d0..."         # of the key
    role = "ingest"              # or "admin"
    org = "org-north"            # optional: whatever its spans claim, this organisation spent it
"""

import hmac
import logging
import secrets
import time
import tomllib
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from spanledger_collector.errors import BadKeys

__all__ = ["Key", "KeyRing", "Role", "key_file_of", "new_key", "open_keys", "presented_key", "read_keys", "write_keys"]

Role = Literal["ingest", "admin"]

_logger = logging.getLogger(__name__)
_SUFFIX: Final = ".keys.toml"
_PREFIX: Final = "sl_"
"""So that scanners for leaked secrets can know one."""
_LOOK_SECONDS: Final = 1.0
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


@dataclass(frozen=True, slots=True)
class Key:
    """What the server knows of a key: not the key itself."""

    name: str
    digest: bytes
    role: Role
    org: str | None = None


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    name: _Name
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    role: Role
    org: _Name | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_Table] = []


class KeyRing:
    """The keys in force. The file is looked at again when it changed, at most once a second, without a restart.

    A file that is gone or wrong changes nothing and is logged: a mistake lets nobody in and locks nobody out.
    """

    def __init__(self, path: Path) -> None:
        """Raises BadKeys."""
        self._path = path
        self._stamp = _stamp(path)
        self._keys = read_keys(path)
        self._looked_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, presented: str, role: Role) -> Key | None:
        """The key of that role whose secret was presented. Compared in constant time, with all of them."""
        self._look()
        digest = sha256(presented.encode(errors="surrogateescape")).digest()
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        return next((key for key in found if key.role == role), None)

    def reload(self) -> None:
        """Read the file again, whether or not it seems changed."""
        self._stamp = _stamp(self._path)
        try:
            self._keys = read_keys(self._path)
        except BadKeys as error:
            _logger.error("%s The keys that were read before stay in force.", error)  # noqa: TRY400 - says it all
            return
        _logger.info("Keys: %d in force, from %s", len(self._keys), self._path)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        if _stamp(self._path) != self._stamp:
            self.reload()


def key_file_of(db: Path, named: Path | None = None) -> Path:
    """The file with the keys of a ledger's server: the one that is named, or `<db>.keys.toml` beside it."""
    return named or db.with_name(f"{db.name}{_SUFFIX}")


def open_keys(db: Path, named: Path | None = None) -> KeyRing | None:
    """The keys; None where no file is named and none lies beside the ledger. Raises BadKeys."""
    path = key_file_of(db, named)
    return None if named is None and not path.exists() else KeyRing(path)


def presented_key(authorization: str) -> str | None:
    """The secret in an Authorization header: a bearer token, or the password of a browser's login."""
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            try:
                return b64decode(value, validate=True).decode().partition(":")[2] or None
            except (Base64Error, UnicodeDecodeError):
                return None
        case _:
            return None


def new_key(name: str, role: Role, org: str | None) -> tuple[str, Key]:
    """A secret, which is told once, and what is kept of it."""
    secret = f"{_PREFIX}{secrets.token_urlsafe(32)}"
    return secret, Key(name, sha256(secret.encode()).digest(), role, org)


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys in a file. Raises BadKeys for a file that cannot be read or has a mistake."""
    try:
        tables = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).keys
    except OSError as error:
        raise BadKeys(path, f"{error.strerror}.") from error
    except ValueError as error:  # no TOML, no UTF-8, or not these fields
        raise BadKeys(path, f"{error}.") from error
    for name, count in Counter(table.name for table in tables).items():
        if count > 1:
            raise BadKeys(path, f"{count} keys have the name {name!r}.")
    return tuple(Key(table.name, bytes.fromhex(table.sha256), table.role, table.org) for table in tables)


def write_keys(path: Path, keys: Sequence[Key]) -> None:
    """Replace the file, for its owner's eyes. Raises BadKeys where it cannot be written."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.touch(mode=0o600)
        fresh.write_text("".join(map(_text, keys)), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise BadKeys(path, f"{error.strerror}.") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _text(key: Key) -> str:
    fields = {"name": key.name, "sha256": key.digest.hex(), "role": key.role, "org": key.org}
    lines = [f"{name} = {_quoted(value)}" for name, value in fields.items() if value is not None]
    return "\n".join(["[[keys]]", *lines, "\n"])


def _quoted(text: str) -> str:
    """A string as TOML has it: as JSON has it, but for one character that may not stand for itself."""
    return dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
