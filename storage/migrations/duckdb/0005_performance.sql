-- Performance: intervals of metrics, the loss in the order in which labels came, and what serving processes report.

ALTER TABLE reading ADD COLUMN ci_lower DOUBLE; -- 95 % interval of the value itself
ALTER TABLE reading ADD COLUMN ci_upper DOUBLE;
ALTER TABLE reading ADD COLUMN coverage DOUBLE; -- share of the window's rows that have their label

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
