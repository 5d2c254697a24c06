"""The orders themselves, in one SQLite file that several instances share."""

import contextlib
import datetime
import pathlib
import sqlite3
import uuid

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    tenant_id  TEXT NOT NULL,
    item       TEXT NOT NULL,
    quantity   INTEGER NOT NULL,
    note       TEXT,
    created_by TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_orders_tenant ON orders (tenant_id, number);
"""


class OrderStore:
    """Every method takes the tenant first: there is no way to ask without one."""

    def __init__(self, path):
        self._path = str(path)
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as db:
            # Readers do not wait for the writer, in this process or in another.
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)

    def create(self, tenant, user, item, quantity, note=None):
        order = {
            "id": str(uuid.uuid4()),
            "item": item,
            "quantity": quantity,
            "note": note,
            "created_by": user,
            "created_at": datetime.datetime.now(datetime.timezone.utc)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }
        with self._connection() as db, db:
            db.execute(
                "INSERT INTO orders (tenant_id, id, item, quantity, note, created_by, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (tenant, *order.values()),
            )
        return order

    def get(self, tenant, order_id):
        """The order, or None if this tenant has none of that identifier."""
        with self._connection() as db:
            row = db.execute(
                "SELECT * FROM orders WHERE tenant_id = ? AND id = ?", (tenant, order_id)
            ).fetchone()
        return _order(row) if row else None

    def list(self, tenant, limit, before=None):
        """The newest orders first, and the number to go on before, or None at the end."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT * FROM orders WHERE tenant_id = ? AND number < ?"
                " ORDER BY number DESC LIMIT ?",
                (tenant, before if before is not None else 2**63 - 1, limit + 1),
            ).fetchall()
        following = rows[limit - 1]["number"] if len(rows) > limit else None
        return [_order(row) for row in rows[:limit]], following

    def _connection(self):
        db = sqlite3.connect(self._path, timeout=5)
        db.row_factory = sqlite3.Row
        return contextlib.closing(db)


def _order(row):
    return {
        key: row[key] for key in ("id", "item", "quantity", "note", "created_by", "created_at")
    }
