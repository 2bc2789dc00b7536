-- +goose Up
CREATE INDEX inbox_receipts_of_call ON inbox_notifications (call_key) WHERE call_key IS NOT NULL;

-- The same bytes again under the event key of a notification.
CREATE TABLE inbox_repetitions (
  notification_id bigint NOT NULL REFERENCES inbox_notifications (id) ON DELETE CASCADE,
  received_at     bigint NOT NULL
);
CREATE INDEX inbox_repetitions_of_notification ON inbox_repetitions (notification_id);

-- +goose Down
DROP TABLE inbox_repetitions;
DROP INDEX inbox_receipts_of_call;
