"""One connection and one transaction for all that nbgrader writes about one submission.

nbgrader opens its gradebook anew for each of its steps, and commits after each cell. Here these
steps share one connection, and nothing is committed until the last of them is done: a submission
stands in the gradebook completely or not at all, and the disk is waited for once instead of some
thirty times.

It is done by a plugin of SQLAlchemy that the database URL names, so nbgrader need not know of it.
The alternatives were to replace nbgrader's `Gradebook` from outside, which may break with its next
version, and to write the rows without nbgrader, which would mean to keep its rules twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.pool import Pool, StaticPool

_LOCKED_SECONDS = 60  # how long to wait while another program has locked an SQLite file


def patient(db_url: str) -> str:
    """The same database URL; with SQLite, waiting longer for other programs to unlock the file."""
    url = make_url(db_url)
    if url.get_backend_name() == "sqlite" and "timeout" not in url.query:
        url = url.update_query_dict({"timeout": str(_LOCKED_SECONDS)})
    return url.render_as_string(hide_password=False)


class SharedConnection:
    """A connection to a database that other engines of this process use as well.

    Parameters
    ----------
    db_url : str

    Attributes
    ----------
    db_url : str
        An engine made with this URL uses the connection, and can neither commit nor roll back nor
        close it.
    """

    def __init__(self, db_url: str) -> None:
        self._engine = create_engine(
            db_url,
            poolclass=_OneConnection,
            pool_reset_on_return=None,
            execution_options={"compiled_cache": {}},
        )
        dialect = self._engine.dialect
        dialect.do_commit = dialect.do_rollback = _leave_to_the_lender
        dialect.has_table = _remembering(dialect.has_table)
        shared = make_url(db_url).update_query_dict({"plugin": _Borrower.NAME}, append=True)
        self.db_url = shared.render_as_string(hide_password=False)
        _Borrower.lenders[shared] = self._engine

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end what has been done meanwhile; undo it after an exception."""
        connection = self._engine.raw_connection()
        try:
            yield
            connection.commit()
        except BaseException:
            connection.invalidate()  # to close it is to roll it back, even if the server is gone
            raise
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._engine.pool.close()


class _OneConnection(StaticPool):
    """Survives that the engines which borrow the connection are disposed of."""

    def dispose(self) -> None:
        pass

    def recreate(self) -> Pool:
        return self

    def close(self) -> None:
        super().dispose()


class _Borrower(CreateEnginePlugin):
    """Makes a new engine use the connection of a `SharedConnection`."""

    NAME = "autograder_shared_connection"
    lenders: dict[URL, Engine] = {}  # noqa: RUF012 - of the whole process

    def __init__(self, url: URL, kwargs: MutableMapping[str, Any]) -> None:
        self._lender = self.lenders[url]

    def update_url(self, url: URL) -> URL:
        return url

    def engine_created(self, engine: Engine) -> None:
        engine.pool = self._lender.pool
        engine.dialect = self._lender.dialect
        # With the cache of compiled statements, which is as good for one engine as for another.
        engine.update_execution_options(**self._lender.get_execution_options())


plugins.register(_Borrower.NAME, __name__, _Borrower.__name__)


def _leave_to_the_lender(connection: object) -> None:
    pass


def _remembering(has_table: Callable[..., bool]) -> Callable[..., bool]:
    """Ask for each table until it is there: nbgrader asks for all whenever it opens a gradebook."""
    there = set()

    def has_table_or_had(connection: Connection, table: str, *rest: Any, **options: Any) -> bool:
        if table not in there and has_table(connection, table, *rest, **options):
            there.add(table)
        return table in there

    return has_table_or_had
