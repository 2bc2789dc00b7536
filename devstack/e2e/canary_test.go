package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/telemetry"
)

// canaries are texts that occur nowhere else: finding one in a place that need not hold it is finding a leak. Numbers are
// national ones, so that every spelling is found.
var canaries = map[string]string{
	"called": "577310", "caller": "118844701", "secondary caller": "118844702", "mask, from": "577320001", "mask, to": "577320002",
	"number in a failure": "577330099", "number in a status": "577340099", "number in a use case": "577350099",
	"from without a callSid": "577360001", "to without a callSid": "577360002", "number in a callId": "577370001",
	"dead letter": "577380001", "dead letter without a key": "577380002", "number in a callSid": "577390001", "number in a maskId": "577400001",
	"number in a referenceId": "577410001", "number in a campaign": "577420001", "number in an Idempotency-Key": "577430001",
	"number in a direction": "577440001", "number in a shared failure": "577450002", "tracked": "577470001", "number in a text": "577480001",
	"number in a uniqueCallId": "577500001", "number in an account": "577510001", "refused request": "577520001", "called from a business": "577530001",
	"called by Nexus": "577540000", "mask by Nexus, from": "577550001", "mask by Nexus, to": "577550002",
	"text": "CANARYTTSTEXT04", "code": "58204417", "ivr": "CANARYIVRTEXT07", "text of a failure": "CANARYFAILTEXTSIX",
	"plain hash of an Idempotency-Key": "742e9e8083fe7bcea6b5cc7d5a9c202491e5afdd",
	"signature of a URL":               "CANARYTOKEN01", "path of a URL": "CANARYPATH01", "password in a URL": "CANARYPASS05",
	"path of a callback": "CANARYCALLBACKPATH", "token of a callback": "CANARYCALLBACKTOKEN",
}

// number returns the number of a canary, with digits added.
func number(canary string, tail ...string) string {
	return "+966" + canaries[canary] + strings.Join(tail, "")
}

// logBuffer keeps the log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// leaks records which canaries a text contains, by the text's place.
type leaks map[string]map[string]bool

func (l leaks) search(place, text string) {
	for name, canary := range canaries {
		if strings.Contains(text, canary) {
			if l[place] == nil {
				l[place] = map[string]bool{}
			}
			l[place][name] = true
		}
	}
}

func (l leaks) lines() []string {
	var out []string
	for place, names := range l {
		out = append(out, place+": "+strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	slices.Sort(out)
	return out
}

// TestNothingPrivateIsReadable sends canaries through every path and searches the log, the metrics, the problems in
// responses, and everything kept.
func TestNothingPrivateIsReadable(t *testing.T) {
	dir := t.TempDir()
	log := &logBuffer{}
	r := newReceiver(t)
	s := start(t, func(o *stack.Options) {
		o.Config = stack.Config(dir, stack.NewCredentials())
		r.options(o)
		o.Config.DialRate, o.Config.LookupRate = 1000, 1000
		o.Config.APIKeys = append(o.Config.APIKeys, "canary:"+canaryKey+":call+read+listen+erase")
		o.Config.AuditLog = filepath.Join(dir, "audit.log")
		o.Config.CallGrace, o.Config.ReconcileAfter = 3*time.Second, time.Second
		o.Temporal.DataFile = filepath.Join(dir, "temporal.db")
		o.Log = telemetry.NewLogger(io.MultiWriter(log, t.Output()), "debug", "json")
	})
	found := leaks{}
	sendCanaries(t, s, r, found)
	searchTemporal(t, s, found)
	searchCommands(t, s, found)
	_, metrics := get(t, s.AdminURL()+"/metrics")
	found.search("metrics", metrics)
	found.search("log", log.String())
	require.NoError(t, s.StopApp())
	searchFiles(t, dir, found)
	for _, allowed := range readableOnPurpose {
		require.Contains(t, found[allowed.place], allowed.canary, "it is not readable any more: take it out of docs/privacy.md")
		delete(found[allowed.place], allowed.canary)
	}
	maps.DeleteFunc(found, func(_ string, names map[string]bool) bool { return len(names) == 0 })
	require.Empty(t, found.lines())
}

// readableOnPurpose lists what may be read according to docs/privacy.md.
var readableOnPurpose = []struct{ place, canary string }{
	{"command call show", "text of a failure"},             // it says why a call failed
	{"callback", "text of a failure"},                      // likewise
	{"command call place", "text"},                         // with --dry-run: the request that would be sent
	{"name of a file", "plain hash of an Idempotency-Key"}, // in the dial ledger, while an earlier release may look for it
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// sendCanaries uses every way into aftercall, and returns once everything has settled.
func sendCanaries(t *testing.T, s *stack.Stack, r *receiver, found leaks) {
	t.Helper()
	ask := func(method, path, body string) string {
		status, answer := request(t, s, method, path, []byte(body))
		if status >= http.StatusBadRequest {
			found.search("problem of "+method, string(answer))
		}
		return string(answer)
	}
	business, elsewhere := startBusiness(t, s), startElsewhere(t, s)
	hook := r.URL + "/" + canaries["path of a callback"] + "?token=" + canaries["token of a callback"]
	kinds := []string{
		`"type":"tts","tts":{"text":"` + canaries["text"] + ` call ` + number("number in a text") + `"}`,
		`"type":"otp","otp":{"code":"` + canaries["code"] + `"}`, `"type":"ivr","ivr":{"say":"` + canaries["ivr"] + `"}`,
	}
	var requests []string
	for ending := range 19 {
		ref := fmt.Sprintf("canary-%02d", ending)
		requests = append(requests, ref)
		ask(http.MethodPost, "/v1/outbound-calls", fmt.Sprintf(`{"referenceId":%q,"to":%q,"callerId":%q,"secondaryCallerId":%q,"callRecording":true,"notify":{"workflowId":"nobody","url":%q},%s}`,
			ref, number("called", fmt.Sprintf("1%02d", ending)), number("caller"), number("secondary caller"), hook, kinds[ending%3]))
	}
	placed := execute(t, business, newID("canary"), placeOne, calls.OutboundCallRequest{
		ReferenceID: "canary-business", To: number("called from a business"), CallerID: number("caller"), Type: "tts", TTS: &calls.TTS{Text: "x"}})

	ask(http.MethodPut, "/v1/calls/n-fail", fmt.Sprintf(`{"notify":{"url":%q}}`, hook))
	for _, n := range canaryNotifications() {
		status, answer := request(t, s, http.MethodPost, "/webhooks/unifonic", n)
		if status >= http.StatusBadRequest {
			found.search("problem of the webhook", string(answer))
		}
	}
	ask(http.MethodPost, "/v1/outbound-calls", fmt.Sprintf(`{"referenceId":"x-%s","to":%q,"callerId":%q,%q:1,"type":%q}`, canaries["refused request"],
		number("refused request"), number("refused request")+"x", number("refused request"), number("refused request")))
	keyed := fmt.Sprintf(`{"to":%q,"callerId":%q,"type":"tts","tts":{"text":"x"}}`, number("called", "100"), number("caller"))
	status, answer := request(t, s, http.MethodPost, "/v1/outbound-calls", []byte(keyed), "Idempotency-Key", "order of "+number("number in an Idempotency-Key"))
	require.Equal(t, http.StatusAccepted, status, "%s", answer)
	found.search("answer to an Idempotency-Key", string(answer))
	ask(http.MethodGet, "/v1/calls/"+number("refused request"), "")
	ask(http.MethodGet, "/v1/calls/a?wait="+number("refused request"), "")
	ask(http.MethodPut, "/v1/calls/canary-tracked", fmt.Sprintf(`{"to":%q,"notify":{"workflowId":"nobody"}}`, number("tracked")))
	ask(http.MethodPost, "/v1/masking-sessions", fmt.Sprintf(`{"referenceId":"canary-mask","from":%q,"to":%q}`, number("mask, from"), number("mask, to")))

	operated := execute(t, elsewhere, newID("canary"), operate, calls.OperationPlaceCall, map[string]any{
		"to": number("called by Nexus"), "callerId": number("caller"), "type": "otp", "otp": map[string]any{"code": canaries["code"]},
	}, time.Minute)
	result(t, execute(t, elsewhere, newID("canary"), operate, calls.OperationOpenMaskingSession, map[string]any{
		"from": number("mask by Nexus, from"), "to": number("mask by Nexus, to"),
	}, time.Minute))
	require.Equal(t, "COMPLETED", result(t, execute(t, elsewhere, newID("canary"), operate, calls.OperationAwaitOutcome,
		map[string]any{"callId": "c-" + number("number in a callId")[1:] + "-1"}, time.Minute))["status"])
	require.Equal(t, "COMPLETED", result(t, operated)["status"])

	require.NoError(t, placed.Get(t.Context(), nil))
	var outcome calls.Outcome
	require.NoError(t, execute(t, business, newID("canary"), awaitOnce, "c-"+number("number in a callId")[1:]+"-1").Get(t.Context(), &outcome))
	require.Equal(t, calls.StatusCompleted, outcome.Status, "a call whose id stands hashed is awaited by its id")
	for _, ref := range requests[:18] {
		if ref == "canary-13" || ref == "canary-17" { // stay open on purpose
			continue
		}
		_, answer := request(t, s, http.MethodGet, "/v1/outbound-calls/"+ref+"?wait=30s", nil)
		require.Contains(t, string(answer), "outcome", ref)
	}
	require.Eventually(t, func() bool {
		_, text := get(t, s.AdminURL()+"/metrics")
		return strings.Contains(text, "aftercall_inbox_pending 0")
	}, time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		_, failed := getCall(t, s, "n-fail", "")
		return len(failed.Notified) > 0
	}, time.Minute, 100*time.Millisecond, "who waits for a call that failed is told why")
	searchCallbacks(t, r, found)
}

// searchCallbacks searches the callbacks, once all have arrived.
func searchCallbacks(t *testing.T, r *receiver, found leaks) {
	t.Helper()
	r.await(t, "call-outcome", func(c callback) bool { return c.data.CallKey == "n-fail" })
	r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == "canary-03" })
	r.await(t, "recording", func(c callback) bool { return c.data.Status == "STORED" })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.got {
		found.search("callback", c.id+" "+c.raw)
	}
}

// canaryNotifications returns notifications that the provider may post, with a canary in each member.
func canaryNotifications() [][]byte {
	const recording = "https://rec.example/%s/rec.wav?X-Sig=%s"
	url := fmt.Sprintf(recording, canaries["path of a URL"], canaries["signature of a URL"])
	note := func(callID string, edit map[string]any) []byte { return notification(callID, edit) }
	return [][]byte{
		note("n-url", map[string]any{"recordingUrl": url, "to": number("called", "190")}),
		note("n-user", map[string]any{"recordingUrl": "https://u:" + canaries["password in a URL"] + "@rec.example/x.wav"}),
		note("n-fail", map[string]any{"status": "FAILED", "failureReason": canaries["text of a failure"] + " " + number("number in a failure") + " unreachable", "referenceId": "wf:nobody"}),
		note("n-raw", map[string]any{"status": "WEIRD " + number("number in a status"), "useCase": "IVR " + number("number in a use case"),
			"campaignId": "camp " + number("number in a campaign"), "accountId": number("number in an account"), "direction": "OUT " + number("number in a direction")}),
		note("n-provisional", map[string]any{"callSid": nil, "uniqueCallId": nil, "externalCallsId": nil, "from": number("from without a callSid"),
			"to": number("to without a callSid"), "recordingUrl": url}),
		note("n-sid", map[string]any{"callSid": "sid-" + number("number in a callSid")[1:], "recordingUrl": url}),
		note("n-ref", map[string]any{"to": number("number in a referenceId"), "referenceId": "cust-" + number("number in a referenceId")[1:] + "-7"}),
		note("n-shared", map[string]any{"callSid": "i", "direction": "INBOUND", "useCase": "NUMBER_MASKING", "maskId": "mask-canary", "from": number("mask, from")}),
		note("n-shared", map[string]any{"callSid": "o", "useCase": "NUMBER_MASKING", "maskId": "mask-canary", "status": "FAILED", "parentCallSid": "i",
			"failureReason": "cannot reach " + number("number in a shared failure"), "to": number("number in a shared failure")}),
		note("c-"+number("number in a callId")[1:]+"-1", map[string]any{"to": number("number in a callId"), "referenceId": "wf:nobody", "recordingUrl": url}),
		note("", map[string]any{"callId": nil, "callSid": nil, "externalCallsId": nil, "uniqueCallId": "1700000000." + number("number in a uniqueCallId")[1:]}),
		note("n-mask", map[string]any{"callSid": "mn", "direction": "INBOUND", "useCase": "NUMBER_MASKING", "maskId": "mask-" + number("number in a maskId")[1:]}),
		[]byte("no JSON " + number("dead letter")),
		[]byte(`{"to":"` + number("dead letter without a key") + `","status":"COMPLETED"}`),
	}
}

// searchTemporal searches every workflow as Temporal keeps it: visibility, memos, histories, and current details as the UI
// requests them.
func searchTemporal(t *testing.T, s *stack.Stack, found leaks) {
	t.Helper()
	plain := withKeys(t, s, nil)
	var token []byte
	n := 0
	for {
		page, err := plain.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.TemporalNamespace(), NextPageToken: token})
		require.NoError(t, err)
		for _, e := range page.GetExecutions() {
			n++
			kind := e.GetType().GetName()
			if kind == "placeOne" || kind == "awaitOnce" {
				continue // a business's own history holds its arguments to package calls: docs/privacy.md
			}
			found.search("visibility of "+kind, wire(t, e))
			described, err := plain.DescribeWorkflowExecution(t.Context(), e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId())
			require.NoError(t, err)
			found.search("description of "+kind, wire(t, described))
			history := plain.GetWorkflowHistory(t.Context(), e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for history.HasNext() {
				event, err := history.Next()
				require.NoError(t, err)
				found.search(kind+" "+strings.TrimPrefix(event.GetEventType().String(), "EVENT_TYPE_"), wire(t, event))
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	require.Greater(t, n, 40, "the canaries have flown")
}

// canaryKey is an API key with all rights.
const canaryKey = "a-canary-that-may-do-everything-0123456789"

// searchCommands searches the output of the operator's commands for people. As JSON they print the API's response to the
// holder of a key, numbers included.
func searchCommands(t *testing.T, s *stack.Stack, found leaks) {
	t.Helper()
	run := commands(t, s, canaryKey)
	show := func(args ...string) string {
		out, _ := run(args...) // some of them find nothing, and report that
		found.search("command "+strings.Join(args[:min(2, len(args))], " "), out)
		return out
	}
	require.Contains(t, show("call", "list", "--limit", "200"), "COMPLETED")
	for ending := range 19 {
		show("call", "show", fmt.Sprintf("canary-%02d", ending))
	}
	for _, id := range []string{"n-url", "n-fail", "n-raw", "n-provisional", "n-sid", "n-ref", "n-shared", "n-mask", "canary-tracked"} {
		show("call", "show", id)
		show("call", "events", id)
		show("recording", "list", id)
		show("recording", "show", id)
	}
	callbacks := show("callback", "list", "--limit", "200")
	require.Contains(t, callbacks, "callback:")
	for _, id := range regexp.MustCompile(`callback:[a-z-]+:[a-z0-9-]+:[0-9a-f]{12}`).FindAllString(callbacks, -1) {
		show("callback", "show", id)
	}
	show("mask", "list")
	show("mask", "show", "mask-canary")
	require.Contains(t, show("mask", "show", "mask-"+number("number in a maskId")[1:]), "hmac-", "an id with a number in it stands hashed")
	letters := show("inbox", "list")
	require.Contains(t, letters, "dl-")
	for _, id := range regexp.MustCompile(`dl-[0-9a-f]{16}`).FindAllString(letters, -1) {
		show("inbox", "show", id)
		show("inbox", "drop", id, "--dry-run")
	}
	require.Contains(t, show("erase", "--phone", number("called", "105"), "--dry-run"), "Would be removed")
	show("suppress", "add", number("mask, from"))
	show("suppress", "show", number("mask, from"))
	show("suppress", "remove", number("mask, from"))
	require.Contains(t, show("keys", "status"), "Encrypts: ")
	show("config")
	show("doctor")
	show("call", "place", "--to", number("refused request")+"x", "--caller-id", number("caller"), "--text", canaries["text"])
	show("call", "place", "--to", number("called", "100"), "--caller-id", number("caller"), "--text", canaries["text"], "--wait")
	show("call", "place", "--to", number("called", "100"), "--caller-id", number("caller"), "--text", canaries["text"], "--dry-run")
}

func wire(t *testing.T, m proto.Message) string {
	t.Helper()
	raw, err := proto.Marshal(m)
	require.NoError(t, err)
	return string(raw)
}

// searchFiles searches the names and the bytes of aftercall's files. Temporal's own file is searched through its API.
func searchFiles(t *testing.T, dir string, found leaks) {
	t.Helper()
	seen := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), "temporal.db") {
			return err
		}
		seen++
		found.search("name of a file", path)
		raw, err := os.ReadFile(path)
		found.search("file "+strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))[:min(5, len(e.Name())-len(filepath.Ext(e.Name())))]+filepath.Ext(e.Name()), string(raw))
		return err
	}))
	require.Greater(t, seen, 5)
}
