-- Counters of their own, so that a number is never given twice, whatever was purged; digests, so
-- that a row that another program changed can be named.
--
-- What each recorded exchange costs decides how many can be recorded: four statements, and no index
-- beside the rows' own order but the one that lists them. So `counters.change` takes the place of
-- an index, ids need no AUTOINCREMENT, an attempt is written once, when it has ended, with its
-- answer, and the one that is under way stands in its exchange. Requests and attempts go with
-- their exchange because the purge deletes them, not by a foreign key that each insert looks up.

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
    attempts INTEGER NOT NULL DEFAULT 0,  -- how many have begun
    target TEXT NOT NULL DEFAULT '',      -- of the last of them
    tried_us INTEGER NOT NULL DEFAULT 0,  -- when that began
    pinned INTEGER NOT NULL DEFAULT 0,
    deleted_us INTEGER                    -- deleted by a person, and not yet for good
);
INSERT INTO new_exchange SELECT id, change, source, worker, name, version, method, path,
    started_us, state, status, duration_us, request_bytes, signature, trace_id, span_id,
    parent_id, parent_guessed, replay_of, attempts,
    coalesce((SELECT target FROM attempt WHERE exchange_id = id AND number = attempts), ''),
    coalesce((SELECT started_us FROM attempt WHERE exchange_id = id AND number = attempts), 0),
    pinned, deleted_us FROM exchange;

CREATE TABLE request (
    exchange_id INTEGER PRIMARY KEY,
    headers TEXT NOT NULL,                -- JSON [[name, value], …] in order
    body BLOB NOT NULL,                   -- known secrets replaced by [secret:NAME]
    size INTEGER NOT NULL,                -- of the original, in bytes
    sha256 BLOB NOT NULL,                 -- of the original
    truncated INTEGER NOT NULL,
    refs TEXT NOT NULL,                   -- JSON [[offset, length, name], …] into the original
    verdict TEXT,                         -- JSON of a judgement
    digest BLOB                           -- of the exchange too, as far as it never changes
);
INSERT INTO request SELECT exchange_id, headers, body, size, sha256, truncated, refs,
    (SELECT verdict FROM exchange WHERE id = exchange_id), NULL
    FROM message WHERE part = 0 ORDER BY exchange_id;

CREATE TABLE new_attempt (                -- those that have ended
    id INTEGER PRIMARY KEY,               -- 4096 times the exchange's id, and the number
    target TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    duration_us INTEGER,
    error TEXT NOT NULL,
    headers TEXT,                         -- of the answer, as a request's; NULL without one
    body BLOB,
    size INTEGER,
    sha256 BLOB,
    truncated INTEGER,
    refs TEXT,
    digest BLOB
);
INSERT INTO new_attempt SELECT attempt.exchange_id * 4096 + number, target, started_us, state,
    status, duration_us, error, headers, body, size, sha256, truncated, refs, NULL
    FROM attempt
    LEFT JOIN message ON message.exchange_id = attempt.exchange_id AND part = number
    WHERE state <> 'received' ORDER BY attempt.exchange_id, number;

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
ALTER TABLE new_attempt RENAME TO attempt;
ALTER TABLE new_log RENAME TO log;

CREATE INDEX exchange_live ON exchange (deleted_us); -- all ids of a list without its rows
CREATE INDEX exchange_parent ON exchange (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX exchange_pinned ON exchange (pinned) WHERE pinned = 1;
CREATE INDEX log_exchange ON log (exchange_id) WHERE exchange_id IS NOT NULL;
