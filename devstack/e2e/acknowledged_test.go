package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/translate"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// product is the real program in a process of its own, which can be killed.
type product struct {
	path  string
	env   []string
	base  string // http://host:port
	admin string // the same for its admin listener
	user  [2]string
	quiet bool    // its log is not shown
	log   *logged // if set, receives its log
	cmd   *exec.Cmd
}

// buildProduct builds the program as it ships.
func buildProduct(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aftercall")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../..", "-o", path, "./cmd/aftercall")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// newProduct builds the program and prepares it to run against a stack's Temporal and simulator.
func newProduct(t *testing.T, s *stack.Stack) *product {
	t.Helper()
	return another(t, s, buildProduct(t))
}

// another prepares a built program to run in a folder of its own.
func another(t *testing.T, s *stack.Stack, path string) *product {
	t.Helper()
	dir, http, admin := t.TempDir(), freeAddress(t), freeAddress(t)
	shared, err := keys.ReadFile(keys.Beside(s.Config().InboxURL))
	require.NoError(t, err)
	return &product{
		path: path, base: "http://" + http, admin: "http://" + admin, user: [2]string{"u", "p"},
		env: append(os.Environ(),
			"TEMPORAL_ADDRESS="+s.TemporalAddress(), "TEMPORAL_NAMESPACE="+s.TemporalNamespace(),
			"AFTERCALL_HTTP_ADDR="+http, "AFTERCALL_ADMIN_ADDR="+admin, "AFTERCALL_WEBHOOK_CREDENTIALS=u:p", "AFTERCALL_API_KEYS=me:key",
			"AFTERCALL_INBOX_URL=sqlite:"+filepath.Join(dir, "inbox.db"), "AFTERCALL_RECORDINGS_URL=file:"+filepath.Join(dir, "recordings"),
			keys.EncryptionSetting+"="+shared.Encryption[0], keys.HashSetting+"="+shared.Hash,
			"AFTERCALL_DIAL_LEDGER_URL="+s.Config().DialLedgerURL,
			"AFTERCALL_UNIFONIC_BASE_URL="+s.Simulator().BaseURL(), "AFTERCALL_UNIFONIC_APPS_ID=app", "AFTERCALL_LOG_LEVEL=error",
		),
	}
}

// freeAddress returns a free address, below the ports of outgoing connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (p *product) start(t *testing.T) {
	t.Helper()
	p.startAs(t, "run")
}

// startAs starts the program in a role.
func (p *product) startAs(t *testing.T, role string) {
	t.Helper()
	p.cmd = exec.Command(p.path, role)
	switch p.cmd.Env = p.env; {
	case p.log != nil:
		p.cmd.Stderr = p.log
	case !p.quiet:
		p.cmd.Stderr = os.Stderr
	}
	require.NoError(t, p.cmd.Start())
}

// awaitWorking waits until the workers of the program are ready.
func (p *product) awaitWorking(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := http.Get(p.admin + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		var ready struct {
			Checks struct{ Worker struct{ OK bool } }
		}
		return json.NewDecoder(res.Body).Decode(&ready) == nil && ready.Checks.Worker.OK
	}, time.Minute, 50*time.Millisecond, "its workers do not work")
}

// kill ends the program as a power cut would, and waits until it is gone.
func (p *product) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}

// post sends a notification and returns the response: status 0 if there was none.
func (p *product) post(ctx context.Context, body []byte) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/webhooks/unifonic", bytes.NewReader(body))
	if err != nil {
		return 0, ""
	}
	req.SetBasicAuth(p.user[0], p.user[1])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		EventKey string `json:"eventKey"`
	}
	_ = json.NewDecoder(res.Body).Decode(&answer)
	return res.StatusCode, answer.EventKey
}

// delivery is a notification on its way.
type delivery struct {
	callID string
	body   []byte
}

// traffic makes notifications of calls, four of each, and repeats every one 1 to 5 times in random order.
func traffic(r *rand.Rand, prefix string, n int) (events, deliveries []delivery) {
	endings := []string{"COMPLETED", "BUSY", "NO_ANSWER", "FAILED"}
	for i := range n {
		id := fmt.Sprintf("%s-%d", prefix, i)
		for _, edit := range []map[string]any{
			{"status": "QUEUED", "callSid": nil, "completedAt": nil, "duration": nil},
			{"status": "RINGING", "completedAt": nil, "duration": nil},
			{"status": "SOMETHING_NEW", "completedAt": nil, "duration": nil},
			{"status": endings[r.IntN(len(endings))], "completedAt": 1638192490 + i},
		} {
			d := delivery{id, notification(id, edit)}
			events = append(events, d)
			for range 1 + r.IntN(5) {
				deliveries = append(deliveries, d)
			}
		}
	}
	r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
	return events, deliveries
}

// TestWhatIsAcknowledgedTakesEffectOnce sends 2,000 notifications of 500 calls, each 1 to 5 times in random order, while
// Temporal is away for 20 s and the program is killed twice with -9. Then it compares the acknowledged notifications with
// the states of the workflows.
func TestWhatIsAcknowledgedTakesEffectOnce(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db") })
	require.NoError(t, s.StopApp(), "the program under test runs in a process of its own")
	p := newProduct(t, s)
	p.start(t)
	defer func() { p.kill(t) }()

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	events, deliveries := traffic(rand.New(rand.NewPCG(seed, 0)), newID("ack"), 500)

	var acknowledged sync.Map // event key to delivery
	var sent, refused atomic.Int64
	next := make(chan delivery)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for d := range next {
				for { // the provider may not retry; the test does, so that all notifications count
					status, key := p.post(t.Context(), d.body)
					if status == http.StatusOK {
						acknowledged.Store(key, d)
						sent.Add(1)
						break
					}
					refused.Add(1)
					select {
					case <-t.Context().Done():
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			}
		})
	}
	at := func(part float64) int { return int(part * float64(len(deliveries))) }
	var temporalBack sync.WaitGroup
	for i, d := range deliveries {
		switch i {
		case at(0.25), at(0.75):
			p.kill(t)
			p.start(t)
		case at(0.4):
			s.StopTemporal()
			temporalBack.Go(func() {
				<-time.After(20 * time.Second)
				if err := s.StartTemporal(context.WithoutCancel(t.Context())); err != nil {
					t.Errorf("temporal does not come back: %v", err)
				}
			})
		}
		next <- d
	}
	close(next)
	senders.Wait()
	temporalBack.Wait()
	t.Logf("%d deliveries of %d notifications acknowledged, %d tries were not", sent.Load(), len(events), refused.Load())

	check(t, s, &acknowledged, len(events))
}

// check checks the promise: every acknowledged notification is merged into its call's state, as if each had arrived once
// and in order.
func check(t *testing.T, s *stack.Stack, acknowledged *sync.Map, want int) {
	t.Helper()
	model, keys := map[string]calls.CallState{}, map[string][]string{}
	count := 0
	acknowledged.Range(func(key, value any) bool {
		count++
		d := value.(delivery)
		n, err := unifonic.Parser{}.Notification(d.body)
		require.NoError(t, err)
		require.Equal(t, key, n.EventKey())
		state, known := model[d.callID]
		if !known {
			state = callstate.New(d.callID)
		}
		model[d.callID], _ = callstate.Apply(state, translate.EventFromNotification(n, time.Now()))
		keys[d.callID] = append(keys[d.callID], n.EventKey())
		return true
	})
	require.Equal(t, want, count, "notifications acknowledged")

	deadline := time.Now().Add(4*time.Minute + time.Duration(len(model))*100*time.Millisecond)
	for callID, expected := range model {
		for {
			var got calls.CallState // a fresh one: decoding keeps fields that are absent from the answer
			v, err := s.Temporal().QueryWorkflow(t.Context(), calls.CallWorkflowID(callID), "", calls.QueryState)
			if err == nil && v.Get(&got) == nil && visible(t, got) == visible(t, expected) && knowsAll(got, keys[callID]) {
				break
			}
			require.True(t, time.Now().Before(deadline), "call %s is not what was acknowledged: %v\n%s\n%s",
				callID, err, visible(t, got), visible(t, expected))
			<-time.After(100 * time.Millisecond)
		}
	}
	t.Logf("%d calls are what was acknowledged of them", len(model))
}

// knowsAll reports whether a call has received every event.
func knowsAll(s calls.CallState, keys []string) bool {
	told := map[string]bool{}
	for _, e := range s.Evidence.Events {
		told[e.EventKey] = true
	}
	return !slices.ContainsFunc(keys, func(k string) bool { return !told[k] })
}

// visible returns the visible state of a call, without its evidence.
func visible(t *testing.T, s calls.CallState) string {
	t.Helper()
	s.Revision, s.Evidence, s.Notified, s.Parties = 0, nil, nil, nil
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, s.Outcome = 0, &o
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	return string(text)
}
