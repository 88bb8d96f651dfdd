-- Embeddings: means and covariances of all their rows, which merge.

CREATE TABLE vector_moments ( -- of each bucket, the embeddings of one column by their commonest length
    model VARCHAR NOT NULL,
    "column" VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    bucket_end TIMESTAMP NOT NULL,
    model_version VARCHAR NOT NULL,
    role VARCHAR NOT NULL, -- serving | shadow
    dimensions INTEGER NOT NULL, -- numbers of a vector
    n BIGINT NOT NULL, -- vectors that are summed up
    others BIGINT NOT NULL, -- of another length
    broken BIGINT NOT NULL, -- with values that are no finite numbers
    seq BIGINT NOT NULL, -- latest write that was seen
    moments BLOB NOT NULL -- float64: mean, then the upper triangle of the scatter; empty where vectors are too long to keep it
);
