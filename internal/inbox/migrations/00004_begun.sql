-- +goose Up
-- A call whose first notification was delivered gets its next ones before other calls begin.
ALTER TABLE notifications ADD COLUMN begun INTEGER NOT NULL DEFAULT 0; -- 1: its call has an earlier one, delivered or pending
UPDATE notifications SET begun = 1 WHERE state = 0 AND EXISTS (
  SELECT 1 FROM notifications e WHERE e.call_key = notifications.call_key AND e.state IN (0, 1) AND e.id < notifications.id);
CREATE INDEX claimable_begun ON notifications (id, retry_at) WHERE first = 1 AND begun = 1;

-- +goose Down
DROP INDEX claimable_begun;
ALTER TABLE notifications DROP COLUMN begun;
