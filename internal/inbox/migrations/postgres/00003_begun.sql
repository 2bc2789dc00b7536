-- +goose Up
-- A call whose first notification was delivered gets its next ones before other calls begin.
ALTER TABLE inbox_notifications ADD COLUMN begun boolean NOT NULL DEFAULT false; -- its call has an earlier one, delivered or pending
UPDATE inbox_notifications n SET begun = true WHERE state = 0 AND EXISTS (
  SELECT 1 FROM inbox_notifications e WHERE e.call_key = n.call_key AND e.state IN (0, 1) AND e.id < n.id);
CREATE INDEX inbox_claimable_begun ON inbox_notifications (id) WHERE first AND begun;

-- +goose Down
DROP INDEX inbox_claimable_begun;
ALTER TABLE inbox_notifications DROP COLUMN begun;
