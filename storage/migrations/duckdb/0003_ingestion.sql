-- Rows refused say where they came from and what would have been taken; sources remember how far they have read.

ALTER TABLE quarantine ADD COLUMN expected VARCHAR;
ALTER TABLE quarantine ADD COLUMN origin VARCHAR;
ALTER TABLE quarantine ADD COLUMN line BIGINT;
ALTER TABLE quarantine ADD COLUMN content VARCHAR;
ALTER TABLE quarantine ADD COLUMN id VARCHAR;
ALTER TABLE quarantine ADD COLUMN subject VARCHAR;

CREATE TABLE source_position (
    source VARCHAR NOT NULL,
    reads VARCHAR NOT NULL,
    part VARCHAR NOT NULL,
    position VARCHAR NOT NULL,
    written_at TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE feedback (
    model VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    _id VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    label_time TIMESTAMP NOT NULL,
    arrival_time TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE observed_column (
    model VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    rows BIGINT NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    event_time TIMESTAMP
);

CREATE TABLE label_repeats (
    model VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    repeats BIGINT NOT NULL
);

CREATE TABLE archived (
    model VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    file VARCHAR,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP NOT NULL,
    first TIMESTAMP,
    last TIMESTAMP,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    written_at TIMESTAMP NOT NULL
);

CREATE TABLE unmatched_label (
    model VARCHAR NOT NULL,
    _id VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    found BOOLEAN NOT NULL
);

CREATE TABLE label_search (
    model VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    searched_at TIMESTAMP NOT NULL
);

CREATE TABLE label_progress (
    model VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    bucket_end TIMESTAMP NOT NULL,
    n_rows BIGINT NOT NULL,
    labelled BIGINT NOT NULL,
    corrected BIGINT NOT NULL,
    lags UINTEGER[] NOT NULL,
    delays UINTEGER[] NOT NULL,
    seq BIGINT NOT NULL
);
