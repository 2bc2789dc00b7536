package main

import "time"

// Notification is a notification of the provider, with the members that scenarios need. Absent members stay absent.
type Notification struct {
	CallID            string  `json:"callId,omitempty"`
	CallSID           string  `json:"callSid,omitempty"`
	Direction         string  `json:"direction,omitempty"`
	From              string  `json:"from,omitempty"`
	To                string  `json:"to,omitempty"`
	Status            string  `json:"status,omitempty"`
	Duration          int     `json:"duration,omitempty"`
	InitiatedAt       float64 `json:"initiatedAt,omitempty"` // Unix seconds
	CompletedAt       float64 `json:"completedAt,omitempty"`
	UseCase           string  `json:"useCase,omitempty"`
	ReferenceID       string  `json:"referenceId,omitempty"`
	RecordingURL      string  `json:"recordingUrl,omitempty"`
	FailureReason     string  `json:"failureReason,omitempty"`
	MaskID            string  `json:"maskId,omitempty"`
	SecondaryCallerID string  `json:"secondaryCallerId,omitempty"`
}

// The made-up people and numbers of the scenarios.
const (
	callerID        = "+966112000000"
	secondaryCaller = "+966112000001"
	callee          = "+966500000100"
	otherCallee     = "+966500000200"
)

// notification returns a notification of an outbound call to callee, for a scenario to change.
func notification(callID, status string) Notification {
	n := Notification{
		CallID: callID, CallSID: callID + "-leg", Direction: "OUTBOUND", From: callerID, To: callee, Status: status,
		UseCase: "TTS", InitiatedAt: unix(time.Now()),
	}
	if status != "RINGING" && status != "ANSWERED" {
		n.CompletedAt = unix(time.Now())
	}
	if status == "COMPLETED" {
		n.Duration = 17
	}
	return n
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
