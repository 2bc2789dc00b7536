package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Appointment is what somebody is reminded of.
type Appointment struct {
	ID    string // stands in ids, and holds no number
	To    string
	At    time.Time
	Class string                  // calls.ClassService and its like
	Again map[calls.Status]string // after which ending to call again, and when
}

// Reminded says how somebody was reminded.
type Reminded struct {
	By       string // "phone" or "message"
	Calls    int
	LastCall calls.Status
}

// Remind calls up to three times, and sends a message where that reaches nobody.
func Remind(ctx workflow.Context, a Appointment) (Reminded, error) {
	outcome, err := calls.Place(ctx, calls.OutboundCallRequest{
		ReferenceID: a.ID, To: a.To, CallerID: "+966115219000", Class: a.Class, Type: calls.CallTypeTTS,
		TTS:          &calls.TTS{Text: "This is a reminder of your appointment at " + a.At.Format("15:04") + "."},
		Retry:        &calls.Retry{MaxAttempts: 3, On: a.Again},
		CallingHours: hours(a.Class),
		Deadline:     a.At.Add(-2 * time.Hour).Format(time.RFC3339), // later than that nobody is called any more
	})
	if err != nil {
		return Reminded{}, err
	}
	reminded := Reminded{By: "phone", Calls: outcome.Attempt, LastCall: outcome.Status}
	if outcome.Status == calls.StatusCompleted {
		return reminded, nil
	}
	// Whatever else it is, nobody is known to have heard it. UNKNOWN too: a message more does no harm, a call more might.
	reminded.By = "message"
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, RetryPolicy: &temporal.RetryPolicy{MaximumInterval: time.Minute},
	})
	var m *Messages
	return reminded, workflow.ExecuteActivity(ctx, m.Send, a.ID, "Your appointment is at "+a.At.Format("15:04")+".").Get(ctx, nil)
}

// hours are when calls of a class may be made. aftercall keeps to the country's own rules besides, where it is told to.
func hours(class string) *calls.CallingHours {
	switch class {
	case calls.ClassWarning:
		return nil
	case calls.ClassAdvertising, calls.ClassAwareness:
		return &calls.CallingHours{Timezone: "Asia/Riyadh", From: "10:00", To: "20:00"}
	default:
		return &calls.CallingHours{Timezone: "Asia/Riyadh", From: "08:00", To: "22:00"}
	}
}

// Messages sends messages by another channel, which is a fake here: it only says so.
type Messages struct{}

// Send sends a message to whom the appointment is with.
func (*Messages) Send(_ context.Context, appointment, text string) error {
	fmt.Println("message for", appointment+":", text)
	return nil
}
