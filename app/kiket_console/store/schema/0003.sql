-- What a person notes of an exchange, whether they changed what they sent, and when engines began.

ALTER TABLE exchange ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE exchange ADD COLUMN edited INTEGER NOT NULL DEFAULT 0; -- sent again, with changes

CREATE TABLE session (                    -- one row for each start of an engine
    id INTEGER PRIMARY KEY,
    started_us INTEGER NOT NULL,
    first_exchange INTEGER NOT NULL       -- the id that its first exchange has, or would have had
);
