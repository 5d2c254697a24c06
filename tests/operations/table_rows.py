"""What lies in a database, row by row, in a form that is the same on SQLite and PostgreSQL; read by the databases' own programs."""

import datetime
import json
import sqlite3
import subprocess
import uuid

# Made anew by whoever runs.
REBUILT = {"changes", "leases", "instances", "gateways", "idempotency_keys"}
MOMENT = "timestamp_with_timezone_text"


def psql(url, statement):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def moment(text):
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).isoformat()


def of_sqlite(value, declared):
    if value is None:
        return None
    if declared == "boolean":
        return bool(value)
    if declared == "uuid_text":
        return str(uuid.UUID(bytes=value))
    if declared == MOMENT:
        return moment(value)
    if declared.startswith("json"):
        return json.loads(value)
    return "\\x" + value.hex() if isinstance(value, bytes) else value


def in_sqlite(file):
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    found = {}
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
        columns = [(name, declared) for _, name, declared, *_ in connection.execute(f"PRAGMA table_info({table})")]
        rows = connection.execute(f"SELECT {', '.join(chr(34) + name + chr(34) for name, _ in columns)} FROM {table}")
        found[table] = [{name: of_sqlite(value, declared) for (name, declared), value in zip(columns, row)} for row in rows]
    connection.close()
    return found


def in_postgres(url):
    moments = {}
    for line in psql(url, "SELECT table_name || ' ' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type LIKE 'timestamp%'"):
        table, column = line.split()
        moments.setdefault(table, set()).add(column)
    found = {}
    for table in psql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = [json.loads(line) for line in psql(url, f"SELECT to_jsonb(t) FROM {table} t")]
        for row in rows:
            row.update({name: moment(row[name]) for name in moments.get(table, ()) if row[name]})
        found[table] = rows
    return found


def rows_of(home):
    """Each table's rows as a sorted list of JSON texts, without what is made anew and the migrations' own times."""
    url = home.settings.get("DATABASE_URL")
    tables = in_postgres(url) if url else in_sqlite(home.data / "saas.db")
    kept = {table: rows for table, rows in tables.items() if table not in REBUILT | {"seaql_migrations"}}
    return {table: sorted(json.dumps(row, sort_keys=True) for row in rows) for table, rows in kept.items()}


def change(home, statement):
    """A statement on the database; identifiers are written as `id('…')`."""
    url = home.settings.get("DATABASE_URL")
    if url:
        return psql(url, statement.replace("id('", "uuid('"))
    connection = sqlite3.connect(home.data / "saas.db")
    connection.execute("PRAGMA foreign_keys = on")
    connection.create_function("id", 1, lambda text: uuid.UUID(text).bytes)
    with connection:
        connection.execute(statement)
    connection.close()
