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
    error VARCHAR NOT NULL,
    expected VARCHAR, -- what would have been taken
    origin VARCHAR, -- http, a file's path, or "source NAME"
    line BIGINT, -- of a text file, counted from 1
    content VARCHAR, -- the line as it stands, cut short; never of a model with hidden columns
    id VARCHAR, -- prediction id and subject, where they could be read: deletion on request finds the row by them
    subject VARCHAR,
    repaired_at TIMESTAMP -- NULL: still waits
);

CREATE TABLE source_position ( -- how far a source has been read, committed with the rows; of one part the highest seq counts
    source VARCHAR NOT NULL,
    reads VARCHAR NOT NULL, -- of what: a source that is declared to read something else starts anew
    part VARCHAR NOT NULL, -- file, partition of a topic, or empty
    position VARCHAR NOT NULL, -- JSON
    written_at TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE feedback ( -- named kinds of label beside the truth; of one (model, kind, id) the highest seq is current
    model VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    _id VARCHAR NOT NULL,
    value VARCHAR NOT NULL, -- as text, in the one spelling of its declared type
    label_time TIMESTAMP NOT NULL,
    arrival_time TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE observed_column ( -- what came that was not declared, or came otherwise than declared
    model VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    event VARCHAR NOT NULL, -- appeared | widened | disappeared | returned | ahead (of the clock)
    rows BIGINT NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    event_time TIMESTAMP -- latest of the rows that showed it
);

CREATE TABLE label_repeats ( -- entries of a long ledger that say another value of an id, up to an entry
    model VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    repeats BIGINT NOT NULL
);

CREATE TABLE archived ( -- rows that have left the log: each file of them, or that they were dropped
    model VARCHAR NOT NULL,
    action VARCHAR NOT NULL, -- archive | drop
    file VARCHAR, -- below the home's folder archives; NULL: dropped
    since TIMESTAMP NOT NULL, -- event times, the end excluded
    until TIMESTAMP NOT NULL,
    first TIMESTAMP, -- event times of its rows, NULL without any
    last TIMESTAMP,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    written_at TIMESTAMP NOT NULL
);

CREATE TABLE unmatched_label ( -- labels whose prediction was not found when they came
    model VARCHAR NOT NULL,
    _id VARCHAR NOT NULL,
    seq BIGINT NOT NULL, -- of the label
    found BOOLEAN NOT NULL -- since
);

CREATE TABLE label_search ( -- up to which label the whole log was searched, and when
    model VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    searched_at TIMESTAMP NOT NULL
);

CREATE TABLE label_progress ( -- how far the labels of a bucket have come
    model VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    bucket_end TIMESTAMP NOT NULL,
    n_rows BIGINT NOT NULL, -- served
    labelled BIGINT NOT NULL,
    corrected BIGINT NOT NULL,
    lags UINTEGER[] NOT NULL, -- labels by cell of their time since the event, as reference_data.lags has them
    delays UINTEGER[] NOT NULL, -- the same since the start of the bucket
    seq BIGINT NOT NULL -- latest write that was seen
);

CREATE SEQUENCE reading_seq;

CREATE TABLE reading ( -- append-only; of one key the highest seq is current
    seq BIGINT NOT NULL DEFAULT nextval('reading_seq'),
    model VARCHAR NOT NULL,
    model_version VARCHAR NOT NULL,
    reference_version INTEGER NOT NULL,
    "check" VARCHAR NOT NULL,
    scope VARCHAR NOT NULL, -- column | performance | estimate | sequence | business | service | traffic | multivariate | custom
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
    error VARCHAR,
    scale INTEGER DEFAULT 1, -- latest windows that were merged for the value
    drivers VARCHAR, -- JSON: columns (or words) behind a reading of rows as a whole, with their shares
    ci_lower DOUBLE, -- 95 % interval of the value itself
    ci_upper DOUBLE,
    coverage DOUBLE -- share of the window's rows that have their label
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

CREATE TABLE loss_step ( -- append-only: the loss of the labels that became known between two times, never restated
    model VARCHAR NOT NULL,
    model_version VARCHAR NOT NULL,
    reference_version INTEGER NOT NULL,
    segment VARCHAR, -- column=value; NULL: all rows
    step_start TIMESTAMP NOT NULL, -- when labels became known
    step_end TIMESTAMP NOT NULL,
    event_start TIMESTAMP NOT NULL, -- event times of their rows
    event_end TIMESTAMP NOT NULL,
    n BIGINT NOT NULL,
    loss DOUBLE NOT NULL, -- sum
    loss_squares DOUBLE NOT NULL, -- sum of squares
    seq BIGINT NOT NULL, -- latest label that was seen
    computed_at TIMESTAMP NOT NULL
);

CREATE TABLE service_report ( -- what a serving process says of itself
    model VARCHAR NOT NULL,
    until TIMESTAMP NOT NULL, -- end of the span it is about
    seconds DOUBLE NOT NULL, -- length of that span
    process VARCHAR NOT NULL,
    model_version VARCHAR,
    requests BIGINT,
    errors BIGINT,
    cpu_seconds DOUBLE,
    memory_bytes DOUBLE,
    arrival_time TIMESTAMP NOT NULL
);

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
