-- +goose Up
-- One index by call in place of two. What is pending lies together in it, so that many notifications change the same page.
CREATE INDEX by_call ON notifications (state, call_key);
DROP INDEX pending_by_call;
DROP INDEX receipts_of_call;

-- +goose Down
CREATE INDEX pending_by_call ON notifications (call_key, id) WHERE state = 0;
CREATE INDEX receipts_of_call ON notifications (call_key) WHERE call_key IS NOT NULL;
DROP INDEX by_call;
