package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aftercall/aftercall/internal/simulator"
)

const (
	primary   = "+966115219000"
	secondary = "+966115219001"
	patience  = 30 * time.Second
	beat      = 2 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// object is a decoded JSON object.
type object map[string]any

// inbox is a webhook that keeps every notification.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []object
	auth   []string
	status int
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{status: http.StatusOK}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body object
		raw, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(raw, &body) != nil {
			body = object{"raw": string(raw)}
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.bodies = append(in.bodies, body)
		in.auth = append(in.auth, r.Header.Get("Authorization"))
		w.WriteHeader(in.status)
		_, _ = io.WriteString(w, `{"status":"accepted"}`)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) received() []object {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.bodies)
}

func (in *inbox) statuses() []string {
	list := []string{}
	for _, body := range in.received() {
		list = append(list, body["status"].(string))
	}
	return list
}

func (in *inbox) answer(status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = status
}

// start runs a simulator at ten times real speed, with in as its webhook.
func start(t *testing.T, in *inbox, change ...func(*simulator.Options)) *simulator.Simulator {
	t.Helper()
	opts := simulator.Options{Speed: 10}
	if in != nil {
		opts.Webhook = simulator.Webhook{URL: in.URL, Username: "uni", Password: "fonic"}
	}
	for _, f := range change {
		f(&opts)
	}
	sim, err := simulator.New(opts)
	require.NoError(t, err)
	require.NoError(t, sim.Start())
	t.Cleanup(func() { require.NoError(t, sim.Close()) })
	return sim
}

// client keeps no connections, so that nothing outlives a test.
func client() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func send(t *testing.T, method, url string, body any, headers ...string) (*http.Response, []byte, error) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		raw, isRaw := body.(string)
		if !isRaw {
			encoded, err := json.Marshal(body)
			require.NoError(t, err)
			raw = string(encoded)
		}
		reader = bytes.NewReader([]byte(raw))
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	require.NoError(t, err)
	request.Header.Set("AppsId", "secret")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client().Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	return response, text, err
}

// ask sends a request, which must get a response, and returns the status and the JSON object, if there is one.
func ask(t *testing.T, method, url string, body any) (int, object) {
	t.Helper()
	response, text, err := send(t, method, url, body)
	require.NoError(t, err)
	var decoded object
	_ = json.Unmarshal(text, &decoded)
	return response.StatusCode, decoded
}

func callBody(to, reference string, more object) object {
	body := object{"recipient": []string{to}, "callerId": primary, "type": "ivr", "referenceId": reference,
		"ivr": object{"say": "hello", "language": "english", "voice": "female"}}
	maps.Copy(body, more)
	return body
}

// place posts a call that must be accepted with 201 and returns its callId.
func place(t *testing.T, sim *simulator.Simulator, to, reference string, more object) string {
	t.Helper()
	status, body := ask(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(to, reference, more))
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, reference, body["referenceId"])
	require.Equal(t, "Request has been sent.", body["status"])
	return body["callId"].(string)
}

// call posts a call from any goroutine and returns the HTTP status.
func call(ctx context.Context, sim *simulator.Simulator, to, reference string) (int, error) {
	body := `{"recipient":["` + to + `"],"callerId":"` + primary + `","type":"ivr","referenceId":"` + reference + `"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sim.BaseURL()+"/calls", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("AppsId", "secret")
	response, err := client().Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// settle waits until every script has ended.
func settle(t *testing.T, sim *simulator.Simulator) {
	t.Helper()
	require.Eventually(t, sim.Idle, patience, beat)
}

// logged returns the recipients of a call log response.
func logged(t *testing.T, sim *simulator.Simulator, id string) []object {
	t.Helper()
	status, body := ask(t, http.MethodGet, sim.BaseURL()+"/providers/voice-call-log/"+id, nil)
	if status == http.StatusNotFound {
		return nil
	}
	require.Equal(t, http.StatusOK, status)
	var list []object
	for _, entry := range body["recipients"].([]any) {
		list = append(list, object(entry.(map[string]any)))
	}
	return list
}
