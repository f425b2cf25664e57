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
from binascii import Error as Base64Error
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from os import stat_result
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from spanledger_collector.errors import BadKeys

__all__ = ["Key", "KeyRing", "Role", "key_file_of", "new_key", "open_keys", "presented_key", "read_keys", "write_keys"]

Role = Literal["ingest", "admin"]

_logger = logging.getLogger(__name__)
_SUFFIX: Final = ".keys.toml"
_PREFIX: Final = "sl_"
"""So that scanners for leaked secrets can know one."""
_LOOK_SECONDS: Final = 1.0
_LONGEST: Final = 256
"""Characters of a name or an organisation, as many as the ledger keeps of an attribution."""


@dataclass(frozen=True, slots=True)
class Key:
    """What the server knows of a key: not the key itself."""

    name: str
    digest: bytes
    role: Role
    org: str | None = None


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
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = document.pop("keys", [])
        if document:
            raise ValueError(f"it has {next(iter(document))!r}, and nothing but [[keys]] is known")
        if not isinstance(tables, list):
            raise ValueError("`keys` is not a list of tables: write [[keys]]")  # noqa: TRY004 - all of these are told alike
        keys = tuple(_key(number, table) for number, table in enumerate(cast("list[Any]", tables), start=1))
        _check_names(keys)
    except OSError as error:
        raise BadKeys(path, f"{error.strerror}.") from error
    except ValueError as error:
        raise BadKeys(path, f"{error}.") from error
    return keys


def write_keys(path: Path, keys: Sequence[Key]) -> None:
    """Replace the file, for its owner's eyes. Raises BadKeys where it cannot be written."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.touch(mode=0o600)
        fresh.write_text("".join(map(_table, keys)), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise BadKeys(path, f"{error.strerror}.") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where it is not there."""
    try:
        found: stat_result = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _key(number: int, table: object) -> Key:
    if not isinstance(table, dict):
        raise ValueError(f"key {number} is no table: write [[keys]]")  # noqa: TRY004 - as above
    fields = cast("dict[str, object]", table)
    unknown = set(fields) - {"name", "sha256", "role", "org"}
    if unknown:
        raise ValueError(f"key {number} has {min(unknown)!r}; known are name, sha256, role and org")
    role = _text(number, fields, "role")
    if role not in get_args(Role):
        raise ValueError(f"the role of key {number} is {role!r}; known are {' and '.join(get_args(Role))}")
    org = _text(number, fields, "org") if "org" in fields else None
    return Key(_text(number, fields, "name"), _digest(number, fields), cast("Role", role), org)


def _text(number: int, fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise ValueError(f"key {number} needs {name} = a text of 1 to {_LONGEST} characters")
    return value


def _digest(number: int, fields: dict[str, object]) -> bytes:
    try:
        digest = bytes.fromhex(_text(number, fields, "sha256"))
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ValueError(f"key {number} needs sha256 = the SHA-256 of the key, 64 hex digits")
    return digest


def _check_names(keys: Sequence[Key]) -> None:
    names = [key.name for key in keys]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"there are two keys of the name {name!r}")


def _table(key: Key) -> str:
    fields = {"name": key.name, "sha256": key.digest.hex(), "role": key.role, "org": key.org}
    lines = [f"{name} = {dumps(value, ensure_ascii=False)}" for name, value in fields.items() if value is not None]
    return "\n".join(["[[keys]]", *lines, "\n"])
