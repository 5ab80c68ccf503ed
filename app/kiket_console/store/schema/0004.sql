-- What a guard decides, and when a delivery that failed is tried again.

ALTER TABLE exchange ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE exchange ADD COLUMN retry TEXT NOT NULL DEFAULT '';      -- a word of the model's Retry
ALTER TABLE exchange ADD COLUMN next_try_us INTEGER NOT NULL DEFAULT 0;

CREATE INDEX exchange_waiting ON exchange (next_try_us) WHERE next_try_us > 0;
