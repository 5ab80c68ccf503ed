-- What is measured: durations by series and step of time, samples of workers, spans, and reloads.
--
-- None of it is evidence: it has no digests, and a row that cannot be read is left out.

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    worker TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    outcome TEXT NOT NULL,
    UNIQUE (source, worker, name, version, outcome)
);

CREATE TABLE measure (
    step_s INTEGER NOT NULL,              -- how long a step is: one of telemetry.nouns.STEPS
    at_s INTEGER NOT NULL,                -- when it begins
    series_id INTEGER NOT NULL,
    code_us INTEGER NOT NULL,             -- when the code that did it was started; 0: not known
    count INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    shortest_us INTEGER NOT NULL,
    longest_us INTEGER NOT NULL,
    buckets BLOB NOT NULL,                -- as telemetry.histogram encodes them
    PRIMARY KEY (step_s, at_s, series_id, code_us)
) WITHOUT ROWID;

CREATE TABLE sample (
    step_s INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    worker TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    total REAL NOT NULL,
    lowest REAL NOT NULL,
    highest REAL NOT NULL,
    last REAL NOT NULL,
    PRIMARY KEY (step_s, at_s, worker, name)
) WITHOUT ROWID;

CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT NOT NULL,
    exchange_id INTEGER,
    guessed INTEGER NOT NULL,             -- whether exchange_id is a guess
    worker TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    attributes TEXT NOT NULL              -- JSON [[name, value], …] in order
);
CREATE INDEX span_trace ON span (trace_id) WHERE trace_id <> '';
CREATE INDEX span_exchange ON span (exchange_id) WHERE exchange_id IS NOT NULL;

CREATE TABLE reload (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    worker TEXT NOT NULL,
    label TEXT NOT NULL,
    file TEXT NOT NULL,
    took_us INTEGER NOT NULL,
    problem TEXT NOT NULL
);

ALTER TABLE log ADD COLUMN frames TEXT NOT NULL DEFAULT ''; -- JSON of a traceback's frames

-- `measured` rises with every write of these tables. What ended before `measured_us` has been
-- counted, but for exchanges up to `uncounted`: those were recorded when nothing was measured yet,
-- and are counted little by little, the newest first. `too_many` series were not told apart by the
-- newest engine.
ALTER TABLE counters ADD COLUMN measured INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN measured_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN uncounted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN too_many INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET uncounted = exchange;
