-- Sources and what became of their runs; erasures, so that a restored backup does not bring back who asked to be forgotten.

CREATE TABLE source (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

CREATE TABLE source_run (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    run TEXT NOT NULL
) STRICT;
CREATE INDEX source_run_source ON source_run (source, seq);
CREATE INDEX source_run_run ON source_run (run_id, seq);

CREATE TABLE erasure (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    subject_hash TEXT NOT NULL,
    receipt TEXT NOT NULL
) STRICT;

CREATE TRIGGER source_run_keeps BEFORE UPDATE ON source_run BEGIN SELECT raise(ABORT, 'source runs are append-only'); END;
CREATE TRIGGER erasure_keeps BEFORE UPDATE ON erasure BEGIN SELECT raise(ABORT, 'erasures are append-only'); END;
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure BEGIN SELECT raise(ABORT, 'erasures are append-only'); END;
