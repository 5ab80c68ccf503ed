-- Exchanges, their messages and attempts, and log lines.
--
-- `exchange` holds metadata only, so that scanning a million rows never touches a body.
-- `change` rises with every committed change of a row, in commit order: a reader asks for
-- "what changed since".

CREATE TABLE exchange (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the engine, in order of arrival; never reused
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
    verdict TEXT,                         -- JSON of a judgement
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_id INTEGER,
    parent_guessed INTEGER NOT NULL,
    replay_of INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    deleted_us INTEGER                    -- deleted by a person, and not yet for good
);
CREATE INDEX exchange_change ON exchange (change);
CREATE INDEX exchange_live ON exchange (deleted_us); -- all ids of a list without its rows
CREATE INDEX exchange_parent ON exchange (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX exchange_open ON exchange (state) WHERE state IN ('received', 'held');

CREATE TABLE message (
    exchange_id INTEGER NOT NULL REFERENCES exchange (id) ON DELETE CASCADE,
    part INTEGER NOT NULL,                -- 0: the request; n: the answer of attempt n
    headers TEXT NOT NULL,                -- JSON [[name, value], …] in order
    body BLOB NOT NULL,                   -- known secrets replaced by [secret:NAME]
    size INTEGER NOT NULL,                -- of the original, in bytes
    sha256 BLOB NOT NULL,                 -- of the original
    truncated INTEGER NOT NULL,
    refs TEXT NOT NULL,                   -- JSON [[offset, length, name], …] into the original
    PRIMARY KEY (exchange_id, part)
);

CREATE TABLE attempt (
    exchange_id INTEGER NOT NULL REFERENCES exchange (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    target TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    duration_us INTEGER,
    error TEXT NOT NULL,
    PRIMARY KEY (exchange_id, number)
) WITHOUT ROWID;

CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    worker TEXT NOT NULL,
    stream TEXT NOT NULL,
    level TEXT NOT NULL,
    logger TEXT NOT NULL,
    text TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    exchange_id INTEGER
);
CREATE INDEX log_exchange ON log (exchange_id) WHERE exchange_id IS NOT NULL;
