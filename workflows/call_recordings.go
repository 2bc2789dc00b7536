package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// recordingSaidFor is how long to look for a requested recording that has no URL.
const recordingSaidFor = 10 * time.Minute

// recordingDue is the silence after which the call looks for a requested recording: at most the grace, so that it looks
// before the call is over.
func (c *call) recordingDue() time.Duration { return min(recordingSaidFor, c.in.Settings.Grace) }

// keepRecordings hands every new recording URL to the leg's Recording workflow, and every new subscriber to all of them. It
// remembers what it has handed over, so that each goes out once.
func (c *call) keepRecordings(ctx workflow.Context) {
	var out []contract.RecordingURL
	subscribers := c.subscriberIDs()
	for _, r := range callstate.Recordings(c.state) {
		workflowID := calls.RecordingWorkflowIDOfHash(r.CallKey, r.Input().LegHash)
		fresh := c.remember(workflowID + " " + calls.LegHash(r.URL))
		for _, s := range subscribers {
			if c.remember(workflowID+" "+s) || fresh {
				r.Subscribers = append(r.Subscribers, s)
			}
		}
		if !fresh {
			r.URL, r.Asked = "", false // the workflow knows the URL
		}
		if fresh || len(r.Subscribers) > 0 {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return
	}
	c.spawn(ctx, "keep-recordings", func(ctx workflow.Context) {
		if err := c.recordings.Lock(ctx); err != nil {
			return
		}
		defer c.recordings.Unlock()
		for _, r := range out {
			c.keepRecording(ctx, r)
		}
	})
}

// hearOfRecording takes a recording's report that it is in danger or lost, or what followed.
func (c *call) hearOfRecording(r calls.Recording) {
	for i, known := range c.in.Recorded {
		if known.LegHash == r.LegHash {
			c.in.Recorded[i] = r
			return
		}
	}
	c.in.Recorded = append(c.in.Recorded, r)
}

// remember reports whether a thing is new, and remembers it.
func (c *call) remember(thing string) bool {
	if slices.Contains(c.in.Kept, thing) {
		return false
	}
	c.in.Kept = append(c.in.Kept, thing)
	return true
}

// subscriberIDs returns the workflows to tell of recordings, without duplicates.
func (c *call) subscriberIDs() []string {
	var ids []string
	for _, s := range c.in.Subscribers {
		if !slices.Contains(ids, s.WorkflowID) {
			ids = append(ids, s.WorkflowID)
		}
	}
	return ids
}
