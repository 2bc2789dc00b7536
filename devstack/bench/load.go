package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}}

var next atomic.Int64 // makes ids

func newID() string { return fmt.Sprintf("b-%d-%d", time.Now().UnixNano(), next.Add(1)) }

// post sends a notification of a call.
func post(ctx context.Context, base, callID, status string) error {
	completed := "null"
	if status == "COMPLETED" {
		completed = fmt.Sprint(time.Now().Unix())
	}
	body := fmt.Appendf(nil, `{"applicationId":"3f0f6a1e-7a34-4b0c-9a35-51a1c7ce7d11","callSid":"sid-%[1]s","parentCallSid":null,"from":"+966115219000","to":"+966500000001","duration":17,"direction":"OUTBOUND","status":%[2]q,"initiatedAt":%[3]d,"completedAt":%[4]s,"useCase":"IVR","accountId":"acc-4711","referenceId":"order-%[1]s","externalCallsId":"ext-%[1]s","recordingUrl":null,"failureReason":null,"maskId":null,"requestReceivedAt":%[3]d.287809,"uniqueCallId":"u-%[1]s","secondaryCallerId":null,"callId":%[1]q,"campaignId":null}`,
		callID, status, time.Now().Add(-20*time.Second).Unix(), completed)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/webhooks/unifonic", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("bench", "bench-secret")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err = io.Copy(io.Discard, res.Body); err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("notification was answered %s", res.Status)
	}
	return err
}

// latencies are the latencies of a load, sorted.
type latencies []time.Duration

func (l latencies) ms(part float64) float64 {
	if len(l) == 0 {
		return 0
	}
	return l[min(int(part*float64(len(l))), len(l)-1)].Seconds() * 1000
}

// closed sends as fast as responses come, n at a time, and returns how many responses came each second.
func closed(n int, during time.Duration, send func() error) (perSecond float64, l latencies, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for range n {
		all.Go(func() {
			var mine latencies
			var failed error
			for failed == nil && time.Since(began) < during {
				at := time.Now()
				failed = send()
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			l = append(l, mine...)
			if failed != nil {
				err = failed
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	slices.Sort(l)
	return float64(len(l)) / took.Seconds(), l, err
}

// each calls do n times, a few at a time, and returns the first error.
func each(few, n int, do func(i int) error) error {
	var all errgroup.Group
	all.SetLimit(few)
	for i := range n {
		all.Go(func() error { return do(i) })
	}
	return all.Wait()
}

// open sends at a rate, whether or not responses come. A latency counts from the scheduled time of its request.
func open(rate float64, n int, send func(i int) error) (l latencies, err error) {
	l = make(latencies, n)
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		all.Go(func() {
			failed := send(i)
			l[i] = time.Since(due)
			if failed != nil {
				mu.Lock()
				defer mu.Unlock()
				err = failed
			}
		})
	}
	all.Wait()
	slices.Sort(l)
	return l, err
}
