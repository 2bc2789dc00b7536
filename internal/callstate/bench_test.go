package callstate_test

import (
	"fmt"
	"testing"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

// crowd is what the provider says of a call to many recipients: four statuses of each.
func crowd(events int, edit func(i int, e *calls.StatusEvent)) []calls.StatusEvent {
	statuses := []calls.Status{calls.StatusQueued, calls.StatusRinging, calls.StatusAnswered, calls.StatusCompleted}
	out := make([]calls.StatusEvent, events)
	for i := range out {
		leg := i / len(statuses)
		e := event(fmt.Sprint(i), statuses[i%len(statuses)], sid(fmt.Sprintf("3f0c7a52-64a1-4b1e-9a44-%012d", leg)), to(fmt.Sprintf("+9665%08d", leg)))
		e.InitiatedAt = at(leg)
		if e.Status.Terminal() {
			e.CompletedAt = at(leg + 60)
		}
		if edit != nil {
			edit(leg, &e)
		}
		out[i] = e
	}
	return out
}

var crowds = map[string]func(leg int, e *calls.StatusEvent){
	"callSids":  nil,
	"no-ids":    func(_ int, e *calls.StatusEvent) { e.CallSID = "" },
	"nationals": func(leg int, e *calls.StatusEvent) { e.CallSID, e.To = "", fmt.Sprintf("05%08d", leg) },
	"failing": func(_ int, e *calls.StatusEvent) {
		if e.Status.Terminal() {
			e.Status, e.SecondaryCallerID = calls.StatusFailed, "+966115219001"
		}
	},
}

// BenchmarkTake merges all that waits at once: a backlog.
func BenchmarkTake(b *testing.B) {
	for _, name := range []string{"callSids", "no-ids", "nationals", "failing"} {
		for _, n := range []int{100, 1_000, 5_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				events := crowd(n, crowds[name])
				b.ReportAllocs()
				for b.Loop() {
					callstate.Apply(callstate.New("c1"), events...)
				}
			})
		}
	}
}

// BenchmarkOneMore merges one more event into what is known of a call: one that is live.
func BenchmarkOneMore(b *testing.B) {
	for _, n := range []int{100, 1_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			events := crowd(n, nil)
			s, _ := callstate.Apply(callstate.New("c1"), events[1:]...)
			b.ReportAllocs()
			for b.Loop() {
				callstate.Apply(s, events[0])
			}
		})
	}
}
