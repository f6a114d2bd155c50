from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from schemas.errors import InvalidRequestError, NotFoundError, PermissionDeniedError, UnavailableError
from services.cases.settings import CasesSettings
from services.cases.store import cases
from services.cases.store.database import Database

Open = Callable[..., str]


@pytest.mark.req("sites-are-apart")
def test_a_site_sees_its_own_rows_only(open_case: Open, database: Database) -> None:
    mine, theirs = open_case(site="a"), open_case(site="b")
    with database.site("a") as connection:
        assert cases.load(connection, mine).site_id == "a"
        with pytest.raises(NotFoundError):
            cases.load(connection, theirs)
        assert [case.id for case in cases.newest(connection, (), None, 10)] == [mine]


def test_every_table_is_confined(open_case: Open, database: Database) -> None:
    """Also tables that come later: whatever holds a site is checked here."""
    open_case(site="a", recordings=2)
    with database.worker() as connection:
        tables = connection.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class"
            " WHERE relnamespace = 'cases'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            " AND relname <> 'alembic_version'"
        ).fetchall()
    assert len(tables) >= 27
    assert [row["relname"] for row in tables if not row["forced"]] == []
    with database.site("b") as connection:
        for row in tables:
            found = connection.execute(f'SELECT count(*) AS n FROM "{row["relname"]}"').fetchone()
            assert found == {"n": 0}, row["relname"]


def test_a_site_cannot_write_for_another(open_case: Open, database: Database) -> None:
    theirs = open_case(site="b")
    with database.site("a") as connection:
        assert connection.execute("UPDATE step SET status = 'cancelled'").rowcount == 0
        assert connection.execute('DELETE FROM "case" WHERE id = %s', (theirs,)).rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.site("a") as connection:
        connection.execute("INSERT INTO patient (site_id, identifier) VALUES ('b', 'x')")


def test_a_site_cannot_reach_a_partition_past_its_parent(database: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.site("a") as connection:
        connection.execute("SELECT * FROM audit_other")


def test_without_a_site_there_is_no_transaction(database: Database) -> None:
    with pytest.raises(PermissionDeniedError), database.site(""):
        pass


def test_the_role_ends_with_the_transaction(database: Database) -> None:
    with Database(database._settings, connections=1) as single:
        with single.site("a") as connection:
            assert connection.execute("SELECT current_user AS who").fetchone() == {"who": "ictogram_site"}
        with single._pool.connection() as connection:
            row = connection.execute("SELECT current_user AS who, current_setting('ictogram.site') AS site").fetchone()
    assert row == {"who": "ictogram", "site": ""}


def test_a_login_that_owns_nothing_can_serve(open_case: Open, settings: CasesSettings, database: Database) -> None:
    """Production gives the service a plain login that is a member of the two roles."""
    mine = open_case(site="a")
    with psycopg.connect(settings.database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain_login")
        connection.execute(
            "CREATE ROLE plain_login LOGIN NOINHERIT PASSWORD 'x' IN ROLE ictogram_site, ictogram_worker"
        )
    where = psycopg.conninfo.conninfo_to_dict(settings.database)
    dsn = psycopg.conninfo.make_conninfo("", **{**where, "user": "plain_login", "password": "x"})
    with Database(CasesSettings(database=dsn)) as plain:
        with plain.site("a") as connection:
            assert cases.load(connection, mine).id == mine
        with plain.worker() as connection:
            assert cases.load(connection, mine).id == mine
    with psycopg.connect(dsn) as bare, pytest.raises(psycopg.errors.InsufficientPrivilege):
        bare.execute('SELECT * FROM cases."case"')


def test_a_value_that_cannot_be_stored_is_the_callers_fault_and_is_not_quoted(database: Database) -> None:
    with pytest.raises(InvalidRequestError) as caught, database.site("a") as connection:
        connection.execute("SELECT %s::uuid", ("Canary, Jane",))
    assert "Canary" not in caught.value.message


def test_a_database_that_is_away_is_unavailable() -> None:
    away = CasesSettings(database="postgresql://x@127.0.0.1:1/x", database_timeout_s=0.3)
    with Database(away) as database, pytest.raises(UnavailableError), database.worker():
        pass


def test_a_connection_that_hangs_is_cut(settings: CasesSettings) -> None:
    """The statement time-out is the server's; a network that swallows its answer needs ours."""
    impatient = settings.model_copy(update={"database_timeout_s": 0.4})
    with Database(impatient) as database, pytest.raises(UnavailableError), database.worker() as connection:
        connection.execute("SELECT set_config('statement_timeout', '0', true), pg_sleep(60)")
