// Package history reads workflow histories from a Temporal server and writes them as files for replay tests. It knows
// nothing of what the workflows do.
package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
)

// Fetch returns the histories of a workflow, one for each run, from the first run through every ContinueAsNew.
func Fetch(ctx context.Context, c client.Client, workflowID string) ([]*history.History, error) {
	description, err := c.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return nil, fmt.Errorf("describe workflow %s: %w", workflowID, err)
	}
	var runs []*history.History
	for runID := description.WorkflowExecutionInfo.FirstRunId; runID != ""; {
		run := &history.History{}
		events := c.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return nil, fmt.Errorf("read history of %s: %w", workflowID, err)
			}
			run.Events = append(run.Events, event)
		}
		last := run.Events[len(run.Events)-1]
		runID = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		runs = append(runs, run)
	}
	return runs, nil
}

// File returns the file for the history of a run: dir/workflowType/path.json, and path-2.json and so on for the runs after
// a ContinueAsNew. run counts from 1.
func File(dir, workflowType, path string, run int) string {
	if run > 1 {
		path = fmt.Sprintf("%s-%d", path, run)
	}
	return filepath.Join(dir, workflowType, path+".json")
}

// ErrExists means that a file exists already and was not changed.
var ErrExists = errors.New("exists already")

// Exists reports whether the history of a path was kept before.
func Exists(dir, workflowType, path string) bool {
	_, err := os.Stat(File(dir, workflowType, path, 1))
	return err == nil
}

// Write writes the runs of one path, and returns the files. With overwrite it replaces all runs kept before. Without, it
// returns ErrExists for an existing file, and writes nothing.
func Write(dir, workflowType, path string, runs []*history.History, overwrite bool) ([]string, error) {
	if !overwrite && Exists(dir, workflowType, path) {
		return nil, fmt.Errorf("%s: %w", File(dir, workflowType, path, 1), ErrExists)
	}
	if err := os.MkdirAll(filepath.Join(dir, workflowType), 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	var files []string
	for i, run := range runs {
		text, err := encode(run)
		if err != nil {
			return files, err
		}
		file := File(dir, workflowType, path, i+1)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return files, fmt.Errorf("write history: %w", err)
		}
		files = append(files, file)
	}
	return files, removeRuns(dir, workflowType, path, len(runs)+1)
}

// removeRuns deletes the files of an earlier capture with more runs.
func removeRuns(dir, workflowType, path string, from int) error {
	for run := from; ; run++ {
		err := os.Remove(File(dir, workflowType, path, run))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove old history: %w", err)
		}
	}
}

// encode returns JSON that people can read in a diff, without machine-specific parts.
func encode(run *history.History) ([]byte, error) {
	scrub(run.ProtoReflect())
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("encode history: %w", err)
	}
	var indented bytes.Buffer // the encoder's own spaces vary on purpose
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indent history: %w", err)
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
