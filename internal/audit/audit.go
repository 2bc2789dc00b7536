// Package audit writes who did what: one line of JSON for each, apart from the log and whatever the log's level is.
package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/aftercall/aftercall/internal/phone"
)

// Action is what somebody did.
type Action string

// Actions.
const (
	Place          Action = "place"           // asked for an outbound call
	Stop           Action = "stop"            // ended the attempts of one
	Retry          Action = "retry"           // dialled once more
	Track          Action = "track"           // followed a call placed elsewhere
	Open           Action = "open"            // opened a masking session
	Close          Action = "close"           // closed one
	Listen         Action = "listen"          // fetched the audio of a recording
	RetryRecording Action = "retry-recording" // had a recording tried at once
	RetryCallback  Action = "retry-callback"  // had callbacks sent again
	DeleteRecord   Action = "delete-recording"
	Reveal         Action = "reveal"  // read a dead letter with its numbers, or the URL of a recording
	Requeue        Action = "requeue" // put a dead letter back
	Drop           Action = "drop"    // threw a dead letter away
	Suppress       Action = "suppress"
	Unsuppress     Action = "unsuppress"
	Erase          Action = "erase"
)

// Entry is one line. It holds no phone number: what looks like one in an id is masked.
type Entry struct {
	Time    time.Time `json:"time"` // UTC
	Action  Action    `json:"action"`
	Key     string    `json:"key,omitempty"`     // name of the API key; "admin" on the admin listener
	Address string    `json:"address,omitempty"` // of the client
	ID      string    `json:"id,omitempty"`      // of the call, request, session, recording or dead letter
	Status  int       `json:"status,omitempty"`  // what was answered, as in HTTP
}

// Log takes entries. A nil Log drops them.
type Log struct {
	path string

	mu  sync.Mutex
	out io.Writer
}

// New opens the audit log: a file, which is made where it is missing and only ever appended to, or "-" for standard
// output. An empty path gives a nil Log. Errors: those of the file.
func New(path string) (*Log, error) {
	if path == "" {
		return nil, nil
	}
	l := &Log{path: path, out: os.Stdout}
	return l, l.Reopen()
}

// Reopen opens the file anew, as is needed after it was moved away.
func (l *Log) Reopen() error {
	if l == nil || l.path == "-" {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.out
	l.out = f
	if closer, ok := old.(*os.File); ok && closer != os.Stdout {
		return closer.Close()
	}
	return nil
}

// Write adds an entry. Errors: those of the file; what was done stays done.
func (l *Log) Write(e Entry) error {
	if l == nil {
		return nil
	}
	e.Time, e.ID = e.Time.UTC(), phone.RedactLine(e.ID)
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	if l == nil || l.path == "-" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.out.(*os.File)
	l.out = io.Discard
	if !ok || f == os.Stdout {
		return nil
	}
	return f.Close()
}
