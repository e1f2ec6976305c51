"""Another program that has the ledger open: beside.py READER|CHECKPOINTS|LOCKS LEDGER. Says with a line each time that it has got what it
wants, and goes on until it is stopped, two minutes at the most."""
import sqlite3
import sys
import time

mode, path = sys.argv[1], sys.argv[2]
end = time.monotonic() + 120
done = 0
connection = sqlite3.connect(path, isolation_level=None, timeout=5)
print(f"READY base={mode}", flush=True)


def got():
    global done
    done += 1
    print(done, flush=True)


while time.monotonic() < end:
    try:
        if mode == "reader":
            # As a backup does: one transaction for as long as the copying takes.
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM links").fetchone()
            got()
            time.sleep(0.4)
            connection.execute("COMMIT")
        elif mode == "checkpoints":
            # Waits for readers, and keeps writers waiting.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            got()
            time.sleep(0.01)
        else:
            # As a replication tool does before it copies the log.
            connection.execute("BEGIN IMMEDIATE")
            got()
            time.sleep(0.7)
            connection.execute("ROLLBACK")
            time.sleep(0.05)
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        time.sleep(0.01)
