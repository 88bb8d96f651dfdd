-- What the migrations beside this file add up to: for reading. Whoever adds one changes this too; a test compares them.

CREATE TABLE migration (name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, applied_at VARCHAR NOT NULL);

CREATE TABLE model (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL, -- JSON of the declaration
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    anchor TEXT -- local date from which windows are counted
) STRICT;

CREATE TABLE channel (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

CREATE TABLE reference (
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (model, version)
) STRICT;

CREATE TABLE alert_event ( -- append-only; an alert is what its latest event says
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,
    model TEXT NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT NOT NULL, -- JSON of the event
    alert TEXT NOT NULL -- JSON of the alert after it
) STRICT;
CREATE INDEX alert_event_alert ON alert_event (alert_id, seq);
CREATE INDEX alert_event_model ON alert_event (model, seq);

CREATE TABLE watermark ( -- up to where readings have been judged
    model TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    alert_id TEXT NOT NULL,
    model TEXT NOT NULL,
    channel TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_waiting ON outbox (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_alert ON outbox (alert_id, seq);
CREATE INDEX outbox_channel ON outbox (channel, seq);

CREATE TABLE outbox_attempt ( -- append-only
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    outbox_id TEXT NOT NULL REFERENCES outbox (id),
    at TEXT NOT NULL,
    ok INTEGER NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX outbox_attempt_of ON outbox_attempt (outbox_id, seq);

CREATE TABLE job_event ( -- append-only; a job is what its latest event says
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    request_key TEXT,
    job TEXT NOT NULL
) STRICT;
CREATE INDEX job_event_job ON job_event (job_id, seq);
CREATE INDEX job_event_model ON job_event (model, seq);
CREATE INDEX job_event_request ON job_event (request_key) WHERE request_key IS NOT NULL;

CREATE TABLE model_version ( -- append-only
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (model, version)
) STRICT;

CREATE TABLE deployment_event ( -- append-only; the roles in force follow from folding the events in order
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    role TEXT NOT NULL,
    share REAL,
    reference_version INTEGER,
    actor TEXT NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX deployment_event_model ON deployment_event (model, seq);

CREATE TABLE audit ( -- append-only; every hash covers the one before it
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    origin TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE source (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL, -- JSON of the declaration
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

CREATE TABLE source_run ( -- append-only; a run is what its latest row says
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    run TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX source_run_source ON source_run (source, seq);
CREATE INDEX source_run_run ON source_run (run_id, seq);

CREATE TABLE erasure ( -- append-only; a restored backup is cleaned by it
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    subject_hash TEXT NOT NULL, -- keyed: the receipt does not tell who it was
    receipt TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE silence ( -- append-only; a silence is what its latest row says
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    silence TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX silence_id ON silence (id, seq);

CREATE TABLE model_run ( -- append-only; a run is what its latest row says
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'timed_out', 'lost')),
    run TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX model_run_model ON model_run (model, seq);
CREATE INDEX model_run_run ON model_run (run_id, seq);

CREATE TABLE maintenance (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL, -- JSON of the declaration
    declared_in TEXT NOT NULL CHECK (declared_in IN ('file', 'dashboard')),
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

-- Who may do what. Passwords are kept as scrypt hashes, tokens and sessions as SHA-256 of 256 random bits: what is here opens nothing.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a session of a removed user is nobody's
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE, -- the name without case
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password TEXT, -- scrypt$n$r$p$salt$hash; null: signs in at the provider
    issuer TEXT, -- the provider, and who they are there
    subject TEXT,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    seen_at TEXT,
    UNIQUE (issuer, subject),
    CHECK ((password IS NULL) = (issuer IS NOT NULL)),
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT;

CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE, -- a revoked token keeps its name
    digest TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL, -- JSON list
    models TEXT, -- JSON list; null: all of them
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TEXT,
    used_at TEXT,
    revoked_at TEXT,
    revoked_by TEXT
) STRICT;

CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    account INTEGER REFERENCES account (id) ON DELETE CASCADE, -- null: signed in with the operator's token
    bound TEXT, -- digest of that token: another one ends the session
    started_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
CREATE INDEX session_account ON session (account);

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Records are never changed or removed, not even by mistake.
CREATE TRIGGER reference_keeps BEFORE UPDATE ON reference BEGIN SELECT raise(ABORT, 'references are frozen'); END;
CREATE TRIGGER alert_event_keeps BEFORE UPDATE ON alert_event BEGIN SELECT raise(ABORT, 'alert events are append-only'); END;
CREATE TRIGGER alert_event_stays BEFORE DELETE ON alert_event BEGIN SELECT raise(ABORT, 'alert events are append-only'); END;
CREATE TRIGGER job_event_keeps BEFORE UPDATE ON job_event BEGIN SELECT raise(ABORT, 'job events are append-only'); END;
CREATE TRIGGER model_version_keeps BEFORE UPDATE ON model_version BEGIN SELECT raise(ABORT, 'versions are append-only'); END;
CREATE TRIGGER deployment_event_keeps BEFORE UPDATE ON deployment_event BEGIN SELECT raise(ABORT, 'deployments are append-only'); END;
CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER source_run_keeps BEFORE UPDATE ON source_run BEGIN SELECT raise(ABORT, 'source runs are append-only'); END;
CREATE TRIGGER erasure_keeps BEFORE UPDATE ON erasure BEGIN SELECT raise(ABORT, 'erasures are append-only'); END;
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure BEGIN SELECT raise(ABORT, 'erasures are append-only'); END;
CREATE TRIGGER silence_keeps BEFORE UPDATE ON silence BEGIN SELECT raise(ABORT, 'silences are append-only'); END;
CREATE TRIGGER silence_stays BEFORE DELETE ON silence BEGIN SELECT raise(ABORT, 'silences are append-only'); END;
CREATE TRIGGER model_run_keeps BEFORE UPDATE ON model_run BEGIN SELECT raise(ABORT, 'runs are append-only'); END;

-- Scopes and models of a token are what they were when it was made, and a revoked one stays revoked.
CREATE TRIGGER token_keeps BEFORE UPDATE OF name, digest, scopes, models, created_at, created_by, expires_at ON token
BEGIN SELECT raise(ABORT, 'tokens are not changed'); END;
CREATE TRIGGER token_stays_revoked BEFORE UPDATE OF revoked_at, revoked_by ON token WHEN old.revoked_at IS NOT NULL
BEGIN SELECT raise(ABORT, 'a revoked token stays revoked'); END;
CREATE TRIGGER token_stays BEFORE DELETE ON token BEGIN SELECT raise(ABORT, 'tokens are kept'); END;
