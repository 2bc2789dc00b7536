package temporalserver

import (
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver that Temporal's own SQLite plug-in uses
)

// holdsTasks reports whether tasks of a queue are in other partitions than the first, left there by an earlier server with
// more partitions. A server that reads one partition only would never hand them out. file is a database that no server has
// open. Empty means a new one, which holds nothing.
func holdsTasks(file, queue string) (bool, error) {
	if file == "" {
		return false, nil
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: "mode=rw"}).String())
	if err != nil {
		return false, fmt.Errorf("look for tasks of %s: %w", queue, err)
	}
	defer func() { _ = db.Close() }()
	var found bool
	// A task's queue id contains the partition's name: "/_sys/<queue>/<n>" for all but the first. tasks_v2 holds the tasks
	// of queues with fairness.
	err = db.QueryRow(`SELECT EXISTS (SELECT 1 FROM tasks WHERE instr(task_queue_id, ?1))
		OR EXISTS (SELECT 1 FROM tasks_v2 WHERE instr(task_queue_id, ?1))`, []byte("/_sys/"+queue+"/")).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for tasks of %s: %w", queue, err)
	}
	return found, nil
}
