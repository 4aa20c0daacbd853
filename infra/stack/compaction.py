"""What lets the ledger's role remove from the disk what was deleted from a database, and no more.

PostgreSQL keeps deleted rows in a table's file until others take their room, values of them in the
statistics of its planner, and both in the write-ahead log. Each database has a function that writes
its tables anew; whoever may call it still may not read them.
"""

from psycopg2 import sql
from psycopg2.extensions import connection

from tasks.database import REWRITE

OPTIONS = {
    "wal_recycle": "off",  # an old file of the log is deleted, not renamed and kept
    "log_min_error_statement": "panic",  # the text of a statement holds values
}
"""Of the server."""

INSTALL = """
CREATE OR REPLACE FUNCTION public.{rewrite}() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT i.indrelid::regclass AS whole, k.relname AS key
        FROM pg_index i
        JOIN pg_class k ON k.oid = i.indexrelid
        JOIN pg_class t ON t.oid = i.indrelid
        WHERE i.indisprimary AND t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
        ORDER BY t.relname
    LOOP
        EXECUTE format('CLUSTER %s USING %I', found.whole, found.key);
        DELETE FROM pg_statistic WHERE starelid = found.whole;
    END LOOP;
    CLUSTER pg_statistic USING pg_statistic_relid_att_inh_index;
    PERFORM pg_switch_wal();
END $$;
REVOKE ALL ON FUNCTION public.{rewrite}() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.{rewrite}() TO {role};
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT pg_checkpoint TO {role};
"""


def install(server: connection, database: str, role: str) -> None:
    """Let ``role`` write ``database`` anew; ``server`` is a superuser's connection to it."""
    statement = sql.SQL(INSTALL).format(
        rewrite=sql.Identifier(REWRITE),
        database=sql.Identifier(database),
        role=sql.Identifier(role),
    )
    with server.cursor() as cursor:
        cursor.execute(statement)
