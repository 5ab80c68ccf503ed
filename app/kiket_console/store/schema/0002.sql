-- Counters of their own, so that a number is never given twice, whatever was purged; digests, so
-- that a row that another program changed can be named.
--
-- `counters.change` takes the place of an index that each change of an exchange had to keep, and
-- ids need no AUTOINCREMENT any more. Messages and attempts go with their exchange because the
-- purge deletes them, not by a foreign key that each insert has to look up.

CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    exchange INTEGER NOT NULL,            -- the newest id ever given
    change INTEGER NOT NULL,              -- the newest change number ever given
    log INTEGER NOT NULL,                 -- the newest id ever given
    exchanges INTEGER NOT NULL,           -- how many there are
    logs INTEGER NOT NULL,
    settled INTEGER NOT NULL,             -- no exchange up to this one is under way
    undigested_exchange INTEGER NOT NULL, -- rows up to these were recorded without a digest
    undigested_log INTEGER NOT NULL
);
INSERT INTO counters SELECT 1,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exchange'), 0),
    coalesce((SELECT max(change) FROM exchange), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0),
    (SELECT count(*) FROM exchange), (SELECT count(*) FROM log), 0,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exchange'), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0);

CREATE TABLE new_exchange (
    id INTEGER PRIMARY KEY,               -- given by the engine, in order of arrival; never reused
    change INTEGER NOT NULL,
    source TEXT NOT NULL,
    worker TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    duration_us INTEGER,
    request_bytes INTEGER NOT NULL,
    signature TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_id INTEGER,
    parent_guessed INTEGER NOT NULL,
    replay_of INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    deleted_us INTEGER                    -- deleted by a person, and not yet for good
);
INSERT INTO new_exchange SELECT id, change, source, worker, name, version, method, path,
    started_us, state, status, duration_us, request_bytes, signature, trace_id, span_id,
    parent_id, parent_guessed, replay_of, attempts, pinned, deleted_us FROM exchange;

CREATE TABLE new_message (
    exchange_id INTEGER NOT NULL,
    part INTEGER NOT NULL,                -- 0: the request; n: the answer of attempt n
    headers TEXT NOT NULL,                -- JSON [[name, value], …] in order
    body BLOB NOT NULL,                   -- known secrets replaced by [secret:NAME]
    size INTEGER NOT NULL,                -- of the original, in bytes
    sha256 BLOB NOT NULL,                 -- of the original
    truncated INTEGER NOT NULL,
    refs TEXT NOT NULL,                   -- JSON [[offset, length, name], …] into the original
    verdict TEXT,                         -- of a request: JSON of a judgement
    digest BLOB,                          -- of a request and its exchange; an answer has its attempt's
    PRIMARY KEY (exchange_id, part)
);
INSERT INTO new_message SELECT exchange_id, part, headers, body, size, sha256, truncated, refs,
    CASE part WHEN 0 THEN (SELECT verdict FROM exchange WHERE id = exchange_id) END, NULL
    FROM message;

CREATE TABLE new_attempt (
    exchange_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    target TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    duration_us INTEGER,
    error TEXT NOT NULL,
    begin_digest BLOB,
    end_digest BLOB,                      -- with the answer
    PRIMARY KEY (exchange_id, number)
) WITHOUT ROWID;
INSERT INTO new_attempt SELECT *, NULL, NULL FROM attempt;

CREATE TABLE new_log (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    worker TEXT NOT NULL,
    stream TEXT NOT NULL,
    level TEXT NOT NULL,
    logger TEXT NOT NULL,
    text TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    exchange_id INTEGER,
    digest BLOB
);
INSERT INTO new_log SELECT *, NULL FROM log;

DROP TABLE message;
DROP TABLE attempt;
DROP TABLE exchange;
DROP TABLE log;
ALTER TABLE new_exchange RENAME TO exchange;
ALTER TABLE new_message RENAME TO message;
ALTER TABLE new_attempt RENAME TO attempt;
ALTER TABLE new_log RENAME TO log;

CREATE INDEX exchange_live ON exchange (deleted_us); -- all ids of a list without its rows
CREATE INDEX exchange_parent ON exchange (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX exchange_pinned ON exchange (pinned) WHERE pinned = 1;
CREATE INDEX log_exchange ON log (exchange_id) WHERE exchange_id IS NOT NULL;
