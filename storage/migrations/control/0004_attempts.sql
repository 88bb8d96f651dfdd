-- After a long outage there are thirty attempts of every message, and each is looked up by its message.

CREATE INDEX outbox_attempt_of ON outbox_attempt (outbox_id, seq);
