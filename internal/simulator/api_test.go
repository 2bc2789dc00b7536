package simulator_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/simulator"
)

func TestCredentialIsAskedInEitherSpelling(t *testing.T) {
	t.Parallel()
	sim := start(t, nil)
	for header, want := range map[string]int{"AppsId": 200, "_AppsId": 200, "appsid": 200, "_APPSID": 200, "Authorization": 403} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.BaseURL()+"/providers/webhook", nil)
		require.NoError(t, err)
		request.Header.Set(header, "secret")
		response, err := client().Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, header)
		if want == http.StatusForbidden {
			require.JSONEq(t, `{"message":"Missing Authentication Token"}`, string(text))
		}
	}
	status, body := ask(t, http.MethodGet, sim.BaseURL()+"/nothing/here", nil)
	require.Equal(t, http.StatusForbidden, status, "the gateway's answer to an unknown path")
	require.Equal(t, "Missing Authentication Token", body["message"])
}

func TestBadCallsAreRefused(t *testing.T) {
	t.Parallel()
	sim := start(t, nil)
	for name, c := range map[string]struct {
		body any
		says string
	}{
		"not json":      {"{", "read body"},
		"trailing":      {`{"recipient":["+966500000000"],"callerId":"+966115219000","type":"ivr"} {}`, "more than one"},
		"one string":    {object{"recipient": "+966500000000"}, "read body"},
		"no recipient":  {object{"callerId": primary, "type": "ivr"}, "recipient is required"},
		"bad recipient": {object{"recipient": []string{"0500"}, "callerId": primary, "type": "ivr"}, "recipient[0]"},
		"no caller":     {object{"recipient": []string{number + "00"}, "type": "ivr"}, "callerId is required"},
		"wrong type":    {object{"recipient": []string{number + "00"}, "callerId": primary, "type": "IVR"}, "type is not"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, http.MethodPost, sim.BaseURL()+"/calls", c.body)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, body["errors"], c.says)
			require.NotEmpty(t, body["message"])
		})
	}
	require.Empty(t, sim.Calls())
}

func TestCallLogHasBothDocumentedShapes(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	id := place(t, sim, number+"05", "ref-a1", nil)
	settle(t, sim)
	status, byID := ask(t, http.MethodGet, sim.BaseURL()+"/providers/voice-call-log/"+id, nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ivr", byID["type"])
	require.Equal(t, primary, byID["callerId"])
	require.Contains(t, byID, "retry")
	entry := byID["recipients"].([]any)[0].(map[string]any)
	require.Equal(t, "2", entry["duration"])
	require.Equal(t, "completed", entry["status"])
	require.Equal(t, "ref-a1", entry["referenceId"])
	require.NotContains(t, entry, "from")
	require.IsType(t, 0.0, entry["timeStamp"])

	_, byReference := ask(t, http.MethodGet, sim.BaseURL()+"/providers/voice-call-log/ref-a1", nil)
	require.Equal(t, "ref-a1", byReference["referenceId"])
	entry = byReference["recipients"].([]any)[0].(map[string]any)
	require.Equal(t, primary, entry["from"])
	require.Equal(t, id, entry["callId"])
	require.NotContains(t, byReference, "callId")

	require.Nil(t, logged(t, sim, "nobody"))
}

func TestCallLogOfAQueuedCall(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t), func(o *simulator.Options) { o.Speed = 0.001 })
	id := place(t, sim, number+"00", "ref-a1", nil)
	entry := logged(t, sim, id)[0]
	require.Equal(t, "queued", entry["status"])
	require.Empty(t, entry["timeStamp"])
	require.Nil(t, entry["callSid"])
	require.False(t, sim.Idle())
}

func TestLookupHookSilencesTheLog(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t), func(o *simulator.Options) { o.OnLookup = func(string) int { return 404 } })
	require.Nil(t, logged(t, sim, place(t, sim, number+"00", "ref-a1", nil)))
}

func TestOneRequestWithSeveralRecipients(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	id := place(t, sim, number+"00", "ref-a1", object{"recipient": []string{number + "00", number + "01"}})
	settle(t, sim)
	require.ElementsMatch(t, []string{"COMPLETED", "BUSY"}, in.statuses())
	require.Len(t, sim.Calls(), 2)
	require.Len(t, logged(t, sim, id), 2)
}

func TestWebhookRegistration(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, nil)
	url := sim.BaseURL() + "/providers/webhook"
	_, body := ask(t, http.MethodGet, url, nil)
	require.Equal(t, object{"url": "", "basicAuthNeeded": false}, body)

	for _, bad := range []object{
		{"url": in.URL, "basicAuthNeeded": true},
		{"url": in.URL, "basicAuthNeeded": true, "username": "u"},
		{"url": "ftp://127.0.0.1/", "basicAuthNeeded": false},
		{"url": "https://example.com/webhook", "basicAuthNeeded": false}, // not this machine
	} {
		status, _ := ask(t, http.MethodPost, url, bad)
		require.Equal(t, http.StatusBadRequest, status)
	}
	status, _ := ask(t, http.MethodPost, url, object{"url": in.URL, "basicAuthNeeded": true, "username": "uni", "password": "fonic"})
	require.Equal(t, http.StatusCreated, status)
	_, body = ask(t, http.MethodGet, url, nil)
	require.Equal(t, object{"url": in.URL, "basicAuthNeeded": true, "username": "uni"}, body)

	place(t, sim, number+"01", "ref-a1", nil)
	settle(t, sim)
	require.Equal(t, []string{"BUSY"}, in.statuses())
	require.Equal(t, []string{"Basic dW5pOmZvbmlj"}, in.auth)
}

func TestUntakenNotifications(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ retries, want int }{"by default once": {0, 1}, "when asked again": {2, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			in.answer(http.StatusServiceUnavailable)
			sim := start(t, in, func(o *simulator.Options) { o.RetryNotifications = c.retries })
			place(t, sim, number+"00", "ref-a1", nil)
			settle(t, sim)
			require.Len(t, in.received(), c.want)
			require.Len(t, sim.Deliveries(), c.want)
			require.Equal(t, http.StatusServiceUnavailable, sim.Deliveries()[0].Answer)
		})
	}
}

func TestNotifyRelaysTheWebhooksAnswer(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	in.answer(http.StatusTeapot)
	sim := start(t, in)
	response, text, err := send(t, http.MethodPost, sim.URL()+"/simulator/notify", `not json`)
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, response.StatusCode)
	require.JSONEq(t, `{"status":"accepted"}`, string(text))
	require.Equal(t, []object{{"raw": "not json"}}, in.received())

	lonely := start(t, nil)
	status, body := ask(t, http.MethodPost, lonely.URL()+"/simulator/notify", object{})
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, body["message"], "no webhook")
}

func TestControlListsCalls(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	_, text, err := send(t, http.MethodGet, sim.URL()+"/simulator/calls", nil)
	require.NoError(t, err)
	require.JSONEq(t, `[]`, string(text))
	id := place(t, sim, number+"00", "ref-a1", nil)
	_, text, err = send(t, http.MethodGet, sim.URL()+"/simulator/calls", nil)
	require.NoError(t, err)
	var list []object
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list, 1)
	require.NotEmpty(t, list[0]["at"])
	delete(list[0], "at")
	require.Equal(t, object{"referenceId": "ref-a1", "callId": id, "to": number + "00", "callerId": primary}, list[0])
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", "example.com:0"} {
		_, err := simulator.New(simulator.Options{Addr: addr})
		require.ErrorContains(t, err, "loopback", addr)
	}
	for _, addr := range []string{"", ":0", "localhost:0", "127.0.0.1:0"} {
		sim := start(t, nil, func(o *simulator.Options) { o.Addr = addr })
		require.True(t, strings.HasPrefix(sim.Addr(), "127.0.0.1:"), sim.Addr())
		require.Equal(t, "http://"+sim.Addr()+"/v1", sim.BaseURL())
	}
	for _, wrong := range []simulator.Options{
		{Speed: -1}, {MaskPaths: "both"}, {PublicURL: "nowhere"}, {Addr: "port"}, {Webhook: simulator.Webhook{URL: "http://192.0.2.1/"}},
	} {
		_, err := simulator.New(wrong)
		require.Error(t, err)
	}
}

func TestSeedRepeatsIdentifiers(t *testing.T) {
	t.Parallel()
	seeded := func(o *simulator.Options) { o.Seed = 7 }
	one, two, other := start(t, nil, seeded), start(t, nil, seeded), start(t, nil)
	id := place(t, one, number+"00", "ref-a1", nil)
	require.Equal(t, id, place(t, two, number+"00", "ref-a1", nil))
	require.NotEqual(t, id, place(t, other, number+"00", "ref-a1", nil))
}

func TestCloseCutsEverythingShort(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in, func(o *simulator.Options) { o.Speed = 0.001 })
	place(t, sim, number+"00", "ref-a1", nil)
	hung := make(chan error)
	go func() {
		_, err := call(t.Context(), sim, number+"09", "ref2-a1")
		hung <- err
	}()
	require.Eventually(t, func() bool { return len(sim.Calls()) == 2 }, patience, beat)
	require.NoError(t, sim.Close())
	require.Error(t, <-hung)
	require.NoError(t, sim.Close())
	require.Empty(t, in.received())
}

func TestNoNumberInLogs(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var text strings.Builder
	in := newInbox(t)
	in.answer(http.StatusInternalServerError)
	sim := start(t, in, func(o *simulator.Options) {
		o.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return text.Write(p)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	place(t, sim, number+"05", "ref-a1", nil)
	mask := createMask(t, sim, object{"from": number + "20", "to": number + "21"})
	_, err := sim.PlaceMaskedCall(simulator.MaskedCall{MaskID: mask, From: number + "20", Recorded: true})
	require.NoError(t, err)
	settle(t, sim)
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, text.String(), "call accepted")
	require.Contains(t, text.String(), "notification not taken")
	require.NotContains(t, text.String(), strings.TrimPrefix(number, "+"))
	require.NotContains(t, text.String(), strings.TrimPrefix(primary, "+"))
	require.NotContains(t, text.String(), "fonic")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
