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

-- Scopes and models of a token are what they were when it was made, and a revoked one stays revoked.
CREATE TRIGGER token_keeps BEFORE UPDATE OF name, digest, scopes, models, created_at, created_by, expires_at ON token
BEGIN SELECT raise(ABORT, 'tokens are not changed'); END;
CREATE TRIGGER token_stays_revoked BEFORE UPDATE OF revoked_at, revoked_by ON token WHEN old.revoked_at IS NOT NULL
BEGIN SELECT raise(ABORT, 'a revoked token stays revoked'); END;
CREATE TRIGGER token_stays BEFORE DELETE ON token BEGIN SELECT raise(ABORT, 'tokens are kept'); END;
