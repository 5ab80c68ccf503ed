-- Which delivery another one is once more, and what nobody has looked at yet.

ALTER TABLE exchange ADD COLUMN duplicate_of INTEGER;               -- the one that came first
ALTER TABLE exchange ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;  -- 1 until a person looks at it
