package calls

import (
	"fmt"
	"time"
)

// Dialling is the state of the dial queue.
type Dialling struct {
	Rate *float64  `json:"rate,omitempty"` // calls per second that the whole fleet places; absent if not set
	Stop *DialStop `json:"stop,omitempty"` // set while an operator has stopped all dialling
}

// DialStop is an operator's order to dial nothing.
type DialStop struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// String returns a line that says who stopped dialling, when and why.
func (s DialStop) String() string {
	line := fmt.Sprintf("all dialling is stopped since %s by %s", s.At.UTC().Format("2006-01-02 15:04:05Z"), s.By)
	if s.Reason != "" {
		line += ": " + s.Reason
	}
	return line
}
