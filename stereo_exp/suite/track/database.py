"""A database file as MLflow's store: whether it is one, of which version, and how a URI names it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from stereo_exp.base import UserError


def read_inode(path: Path) -> int | None:
    """What tells a file from another that took its place; None: it is not there."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def check_schema(database: Path) -> None:
    """MLflow brings the tables of an older version up to date by itself, after which that one cannot read them.

    Raises:
        RuntimeError: it would.
        UserError: it is no database.
    """
    if not database.is_file() or not database.stat().st_size:
        return
    try:
        from mlflow.store.db.utils import _get_latest_schema_revision
    except ImportError:
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=1)) as opened:
            tables = {name for (name,) in opened.execute("select name from sqlite_master where type='table'")}
            if "alembic_version" not in tables:
                return
            found = [version for (version,) in opened.execute("select version_num from alembic_version")]
    except sqlite3.OperationalError:
        raise  # locked, or away: another time
    except sqlite3.DatabaseError as error:
        fix = "give another store or tracker=none"
        raise UserError("tracker.uri", f"sqlite:///{database}", f"is no store of MLflow ({error})", fix) from None
    if found != [_get_latest_schema_revision()]:
        rule = f"its tables are of another version of MLflow ({', '.join(found)})"
        raise RuntimeError(f"{rule}: back it up, then run: mlflow db upgrade sqlite:///{database}")


@contextmanager
def quote_path(database: Path) -> Iterator[str]:
    """A database file as SQLAlchemy reads it out of a URI: a folder may be called `a%20b` or `who?`.

    MLflow makes the folder by the quoted name, which nobody needs.
    """
    quoted = str(database).replace("%", "%25").replace("?", "%3F")
    stray = Path(quoted).parent
    is_new = not stray.exists()
    yield quoted
    if is_new:
        with suppress(OSError):
            stray.rmdir()
