-- What the migrations beside this file add up to: for reading. Whoever adds one changes this too; a test compares them.

CREATE TABLE migration (name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, applied_at VARCHAR NOT NULL);

CREATE TABLE written (seq BIGINT NOT NULL); -- one row: the number of the latest committed group of writes
INSERT INTO written VALUES (0);

CREATE TABLE model_column ( -- which physical column holds which declared input, and in which type
    model VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    physical VARCHAR NOT NULL,
    type VARCHAR NOT NULL
);

CREATE TABLE append_key ( -- answers to appends that carried an idempotency key, committed with their rows
    key VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, -- log | label
    result VARCHAR NOT NULL, -- JSON
    written_at TIMESTAMP NOT NULL
);

CREATE TABLE quarantine ( -- rows that could not be taken
    model VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, -- log | label
    arrival_time TIMESTAMP NOT NULL,
    row BIGINT NOT NULL,
    field VARCHAR,
    value VARCHAR,
    error VARCHAR NOT NULL
);

CREATE SEQUENCE reading_seq;

CREATE TABLE reading ( -- append-only; of one key the highest seq is current
    seq BIGINT NOT NULL DEFAULT nextval('reading_seq'),
    model VARCHAR NOT NULL,
    model_version VARCHAR NOT NULL,
    reference_version INTEGER NOT NULL,
    "check" VARCHAR NOT NULL,
    scope VARCHAR NOT NULL, -- column | performance | traffic
    "column" VARCHAR,
    segment VARCHAR,
    window_start TIMESTAMP NOT NULL,
    window_end TIMESTAMP NOT NULL,
    value DOUBLE,
    reference_value DOUBLE,
    threshold DOUBLE,
    lower DOUBLE,
    upper DOUBLE,
    p_value DOUBLE,
    effect DOUBLE,
    n BIGINT NOT NULL,
    n_reference BIGINT NOT NULL,
    verdict VARCHAR NOT NULL,
    significant BOOLEAN NOT NULL,
    material BOOLEAN NOT NULL,
    harmful BOOLEAN NOT NULL,
    unit VARCHAR NOT NULL,
    sentence VARCHAR NOT NULL,
    computed_at TIMESTAMP NOT NULL,
    error VARCHAR
);

CREATE TABLE profile (
    model VARCHAR NOT NULL,
    reference_version INTEGER NOT NULL,
    model_version VARCHAR NOT NULL,
    role VARCHAR NOT NULL, -- serving | shadow
    segment VARCHAR, -- column=value; NULL: all rows
    part VARCHAR NOT NULL, -- inputs | outcomes
    bucket TIMESTAMP NOT NULL,
    bucket_end TIMESTAMP NOT NULL,
    n_rows BIGINT NOT NULL,
    counts UINTEGER[] NOT NULL, -- laid out as the reference froze it
    moments DOUBLE[] NOT NULL,
    computed_at TIMESTAMP NOT NULL
);

CREATE TABLE profiled ( -- buckets that have been summarised, those without rows too
    model VARCHAR NOT NULL,
    reference_version INTEGER NOT NULL,
    part VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL, -- latest write that the summary has seen
    computed_at TIMESTAMP NOT NULL
);

CREATE TABLE dirty ( -- buckets that a write has touched
    model VARCHAR NOT NULL,
    part VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL
);
