-- Small lasting changes show in several windows together; rows as a whole are judged on samples.

ALTER TABLE reading ADD COLUMN scale INTEGER DEFAULT 1; -- latest windows that were merged for the value
ALTER TABLE reading ADD COLUMN drivers VARCHAR; -- JSON: columns (or words) behind a reading of rows as a whole, with their shares

CREATE TABLE row_sample ( -- of each bucket the rows whose ids hash lowest: such samples merge
    model VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    bucket_end TIMESTAMP NOT NULL,
    model_version VARCHAR NOT NULL,
    role VARCHAR NOT NULL, -- serving | shadow
    n_rows BIGINT NOT NULL, -- that the bucket held
    seq BIGINT NOT NULL, -- latest write that was seen
    rows BLOB NOT NULL -- Arrow stream: hash, then the inputs by name
);

CREATE TABLE repeated ( -- rows that came again under an id that was known, and were left out
    model VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL, -- in which they happened
    rows BIGINT NOT NULL,
    others BIGINT NOT NULL, -- of these, with another event time than the row that was kept
    seen_at TIMESTAMP NOT NULL
);
