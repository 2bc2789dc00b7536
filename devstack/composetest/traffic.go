package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// traffic is the load while containers are restarted: notifications as from the provider, and requests for calls. It
// remembers everything acknowledged, and repeats the rest, as the provider and a careful initiator would.
type traffic struct {
	client *client

	mu       sync.Mutex
	acked    map[string]string // by call key: the last status with a 2xx response
	answers  int               // notifications with a 2xx response
	requests map[string]string // by reference: the number's ending
	refused  int               // tries without a 2xx response
	worst    time.Duration     // the longest time until a notification was acknowledged

	dialling   context.CancelFunc
	notifying  context.CancelFunc
	dials      sync.WaitGroup
	deliveries sync.WaitGroup
}

func newTraffic(c *client) *traffic {
	return &traffic{client: c, acked: map[string]string{}, requests: map[string]string{}}
}

// start starts both kinds of traffic.
func (t *traffic) start(ctx context.Context) {
	ctx, t.notifying = context.WithCancel(ctx)
	const senders, pause = 3, 600 * time.Millisecond
	for range senders {
		t.deliveries.Go(func() { every(ctx, pause, func() { t.tellCall(ctx) }) })
	}
	t.startDialling(ctx)
}

func (t *traffic) startDialling(ctx context.Context) {
	ctx, t.dialling = context.WithCancel(ctx)
	t.dials.Go(func() { every(ctx, 700*time.Millisecond, func() { t.placeCall(ctx) }) })
}

// stopDialling returns once no request is in progress.
func (t *traffic) stopDialling() {
	t.dialling()
	t.dials.Wait()
}

func (t *traffic) stop() {
	t.stopDialling()
	t.notifying()
	t.deliveries.Wait()
}

// every calls fn until ctx ends. It does not interrupt a running fn.
func every(ctx context.Context, pause time.Duration, fn func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fn()
		}
	}
}

// tellCall delivers the notifications of one call, each until it is acknowledged.
func (t *traffic) tellCall(ctx context.Context) {
	id, began := fmt.Sprintf("%016x", rand.Uint64()), time.Now().UTC()
	for _, status := range []string{"INITIATED", "COMPLETED"} {
		body, err := json.Marshal(map[string]any{
			"applicationId": "compose-test", "callId": "call-" + id, "callSid": "leg-" + id, "from": "+966110000001",
			"to": fmt.Sprintf("+9665%08d", rand.IntN(1e8)), "direction": "OUTBOUND", "status": status, "useCase": "IVR",
			"initiatedAt": began, "requestReceivedAt": began, "duration": 7,
		})
		if err != nil {
			panic(err) // plain data always encodes
		}
		if !t.deliver(ctx, body, status) {
			return
		}
	}
}

// deliver repeats a notification until it is acknowledged or ctx ends.
func (t *traffic) deliver(ctx context.Context, body []byte, status string) bool {
	for began := time.Now(); ; {
		key, _, err := t.client.notify(ctx, body)
		t.mu.Lock()
		if err == nil {
			t.acked[key], t.answers, t.worst = status, t.answers+1, max(t.worst, time.Since(began))
			t.mu.Unlock()
			return true
		}
		t.refused++
		t.mu.Unlock()
		if !wait(ctx, 100*time.Millisecond) {
			return false
		}
	}
}

// placeCall requests one call, and repeats the request under the same reference until it is accepted.
func (t *traffic) placeCall(ctx context.Context) {
	ending := []string{"00", "04", "05", "09"}[rand.IntN(4)] // 09: the provider accepts the call and never responds
	reference := fmt.Sprintf("under-fire-%012x", rand.Uint64()>>16)
	to := fmt.Sprintf("+9665%06d%s", rand.IntN(1e6), ending)
	t.mu.Lock()
	t.requests[reference] = ending // it may have been accepted without a response
	t.mu.Unlock()
	for t.client.place(ctx, reference, to) != nil {
		t.mu.Lock()
		t.refused++
		t.mu.Unlock()
		if !wait(ctx, 200*time.Millisecond) {
			return
		}
	}
}

// count returns how many notifications were acknowledged, and how many tries of anything failed, so far.
func (t *traffic) count() (answers, refused int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers, t.refused
}

// wait pauses and reports whether ctx is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// eventually repeats fn until it succeeds or the time limit, and returns its last error.
func eventually(ctx context.Context, limit time.Duration, fn func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := fn()
		if err == nil || time.Now().After(deadline) || !wait(ctx, 300*time.Millisecond) {
			return err
		}
	}
}
