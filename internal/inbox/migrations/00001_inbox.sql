-- +goose Up
CREATE TABLE notifications (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
  event_key   TEXT UNIQUE,                       -- NULL: a dead letter without a key
  call_key    TEXT,
  body_hash   BLOB NOT NULL,
  has_body    INTEGER NOT NULL DEFAULT 1,        -- 0: blanked
  received_at INTEGER NOT NULL,                  -- all times in microseconds since 1970, UTC
  state       INTEGER NOT NULL,                  -- 0 pending, 1 done, 2 dead letter
  first       INTEGER NOT NULL DEFAULT 0,        -- 1: pending, and the next of its call key
  attempts    INTEGER NOT NULL DEFAULT 0,
  retry_at    INTEGER NOT NULL DEFAULT 0,
  finished_at INTEGER,                           -- when it was done or died
  dead_id     TEXT,
  reason      TEXT NOT NULL DEFAULT '',
  detail      TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX pending_by_call ON notifications (call_key, id) WHERE state = 0;
CREATE INDEX claimable ON notifications (id, retry_at) WHERE first = 1;
CREATE INDEX done_in_order ON notifications (finished_at) WHERE state = 1;
CREATE INDEX done_with_body ON notifications (finished_at) WHERE state = 1 AND has_body = 1;
CREATE INDEX dead_in_order ON notifications (id, reason) WHERE state = 2;
CREATE INDEX dead_by_id ON notifications (dead_id) WHERE state = 2;
CREATE UNIQUE INDEX refused_bodies ON notifications (body_hash) WHERE event_key IS NULL;

-- Apart from their notifications, so that blanking one gives its pages back, and changing a state does not rewrite it.
CREATE TABLE bodies (
  id          INTEGER PRIMARY KEY REFERENCES notifications (id) ON DELETE CASCADE,
  body        BLOB NOT NULL,
  sealed_with TEXT NOT NULL DEFAULT '' -- id of the key that encrypted the body; '': in clear
) STRICT;

-- Other bytes that came under the event key of a notification.
CREATE TABLE variants (
  notification_id INTEGER NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
  body_hash       BLOB NOT NULL,
  body            BLOB NOT NULL,
  sealed_with     TEXT NOT NULL DEFAULT '',
  received_at     INTEGER NOT NULL,
  PRIMARY KEY (notification_id, body_hash)
) STRICT;

CREATE TABLE probe (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE probe;
DROP TABLE variants;
DROP TABLE bodies;
DROP TABLE notifications;
