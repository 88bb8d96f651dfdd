-- Summaries of rows by bucket, and which buckets have changed since they were summarised.

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
