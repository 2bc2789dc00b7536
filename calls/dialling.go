package calls

import (
	"fmt"
	"time"
)

// Dialling is how the queue that phone calls wait in is worked off.
type Dialling struct {
	Rate *float64  `json:"rate,omitempty"` // calls placed per second by the whole fleet; absent where nobody set one
	Stop *DialStop `json:"stop,omitempty"` // set while an operator has stopped all dialling
}

// DialStop is an operator's word that nothing is to be dialled.
type DialStop struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// String says in a line who stopped dialling, when and why.
func (s DialStop) String() string {
	line := fmt.Sprintf("all dialling is stopped since %s by %s", s.At.UTC().Format("2006-01-02 15:04:05Z"), s.By)
	if s.Reason != "" {
		line += ": " + s.Reason
	}
	return line
}
