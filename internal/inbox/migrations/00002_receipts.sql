-- +goose Up
CREATE INDEX receipts_of_call ON notifications (call_key) WHERE call_key IS NOT NULL;

-- The same bytes again under the event key of a notification.
CREATE TABLE repetitions (
  notification_id INTEGER NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
  received_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX repetitions_of_notification ON repetitions (notification_id);

-- +goose Down
DROP TABLE repetitions;
DROP INDEX receipts_of_call;
