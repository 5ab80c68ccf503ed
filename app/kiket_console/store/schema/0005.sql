-- What an exchange between a module and its orchestrator was, which way it went, and on what.

ALTER TABLE exchange ADD COLUMN kind TEXT NOT NULL DEFAULT '';      -- a word of ipc.Kind
ALTER TABLE exchange ADD COLUMN direction TEXT NOT NULL DEFAULT ''; -- of ipc.Direction
ALTER TABLE exchange ADD COLUMN channel TEXT NOT NULL DEFAULT '';   -- of ipc.Channel
