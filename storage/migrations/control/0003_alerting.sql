-- Silences, runs of monitors, declared maintenance; messages know when they were made.

CREATE TABLE silence (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    silence TEXT NOT NULL
) STRICT;
CREATE INDEX silence_id ON silence (id, seq);

CREATE TABLE model_run (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'timed_out', 'lost')),
    run TEXT NOT NULL
) STRICT;
CREATE INDEX model_run_model ON model_run (model, seq);
CREATE INDEX model_run_run ON model_run (run_id, seq);

CREATE TABLE maintenance (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

ALTER TABLE outbox ADD COLUMN created_at TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_alert ON outbox (alert_id, seq);
CREATE INDEX outbox_channel ON outbox (channel, seq);

CREATE TRIGGER silence_keeps BEFORE UPDATE ON silence BEGIN SELECT raise(ABORT, 'silences are append-only'); END;
CREATE TRIGGER silence_stays BEFORE DELETE ON silence BEGIN SELECT raise(ABORT, 'silences are append-only'); END;
CREATE TRIGGER model_run_keeps BEFORE UPDATE ON model_run BEGIN SELECT raise(ABORT, 'runs are append-only'); END;
