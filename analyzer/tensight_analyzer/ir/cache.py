"""The IR of earlier runs on disk: an SQLite table of bytes by key, in the user's cache directory.

Everything here may fail (a full disk, a read-only home, a damaged file, two processes at once) and nothing of it may
show: a cache that does not work is no cache.  `TENSIGHT_CACHE=0` turns it off, `TENSIGHT_CACHE_DIR` moves it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import zlib
from pathlib import Path

MAX_BYTES = 256 << 20
_FILE = "ir.sqlite3"
_PUTS_BETWEEN_CHECKS = 500
_DAY = 86_400


def open_cache() -> DiskCache | None:
    """The user's cache, or None if it is turned off."""
    if os.environ.get("TENSIGHT_CACHE") == "0":
        return None
    return DiskCache(cache_directory())


def cache_directory() -> Path:
    if chosen := os.environ.get("TENSIGHT_CACHE_DIR"):
        return Path(chosen)
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tensight"


class DiskCache:
    """A table of bytes by key, bounded in size: what was not used for longest goes first."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = directory / _FILE
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0  # a connection must not be used on both sides of a fork
        self._broken = False
        self._puts = 0

    def get(self, key: str) -> bytes | None:
        with self._lock:
            try:
                return self._get(key)
            except (sqlite3.Error, OSError, zlib.error) as error:
                self._failed(error)
                return None

    def put(self, key: str, value: bytes) -> None:
        with self._lock:
            try:
                self._put(key, value)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _get(self, key: str) -> bytes | None:
        db = self._open()
        row = db and db.execute("SELECT value, used FROM entries WHERE key = ?", (key,)).fetchone()
        if not row:
            return None
        today = int(time.time()) // _DAY
        if row[1] != today:
            db.execute("UPDATE entries SET used = ? WHERE key = ?", (today, key))
        return zlib.decompress(row[0])

    def _put(self, key: str, value: bytes) -> None:
        db = self._open()
        if db is None:
            return
        today = int(time.time()) // _DAY
        db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, zlib.compress(value, 1), today))
        if self._puts % _PUTS_BETWEEN_CHECKS == 0:
            self._shrink(db)
        self._puts += 1

    def _shrink(self, db: sqlite3.Connection) -> None:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > self.max_bytes:
            db.execute(
                "DELETE FROM entries WHERE key IN "
                "(SELECT key FROM entries ORDER BY used, rowid LIMIT (SELECT count(*) / 3 + 1 FROM entries))"
            )

    def _open(self) -> sqlite3.Connection | None:
        if self._broken:
            return None
        if self._connection is None or self._pid != os.getpid():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # what a crash of the machine loses is made again
            db.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB, used INTEGER)")
            self._connection = db
            self._pid = os.getpid()
        return self._connection

    def _failed(self, error: Exception) -> None:
        """Gives the cache up, but for a lock that another process holds for the moment."""
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return
        self._broken = True
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            for path in (self.path, *(self.path.with_name(_FILE + end) for end in ("-wal", "-shm"))):
                try:
                    path.unlink(missing_ok=True)  # damaged: the next run starts with a new one
                except OSError:
                    pass
