package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/simulator"
)

// getRecording requests a recording from the API.
func getRecording(t *testing.T, s *stack.Stack, callID string) (int, calls.Recording) {
	t.Helper()
	status, answer := request(t, s, http.MethodGet, "/v1/recordings/"+callID, nil)
	var rec calls.Recording
	if status == http.StatusOK {
		require.NoError(t, json.Unmarshal(answer, &rec))
	}
	return status, rec
}

// awaitRecording waits until a recording has a status.
func awaitRecording(t *testing.T, s *stack.Stack, callID string, want calls.RecordingStatus) calls.Recording {
	t.Helper()
	var rec calls.Recording
	require.Eventually(t, func() bool {
		_, rec = getRecording(t, s, callID)
		return rec.Status == want
	}, 2*time.Minute, 100*time.Millisecond, "the recording of %s is not %s: %s", callID, want, latest{&rec})
	return rec
}

// audio requests the bytes of a recording from the API.
func audio(t *testing.T, s *stack.Stack, method, callID, span string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/v1/recordings/"+callID+"/audio", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.Credentials().APIKey)
	if span != "" {
		req.Header.Set("Range", span)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, body
}

// original returns the recording of a call at the simulator's recording host: the witness.
func original(t *testing.T, s *stack.Stack, callID string) simulator.Recording {
	t.Helper()
	var found simulator.Recording
	require.Eventually(t, func() bool {
		all, err := s.Simulator().Recordings()
		require.NoError(t, err)
		i := slices.IndexFunc(all, func(r simulator.Recording) bool { return r.CallID == callID })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	}, time.Minute, 20*time.Millisecond, "nothing was recorded of %s", callID)
	return found
}

// requireKept compares the stored and served recording with the simulator's.
func requireKept(t *testing.T, s *stack.Stack, callID string, rec calls.Recording) {
	t.Helper()
	want := original(t, s, callID)
	require.Equal(t, want.SHA256, rec.SHA256)
	require.Equal(t, want.SizeBytes, rec.SizeBytes)
	require.Equal(t, want.CallSID, rec.Leg)
	require.NotNil(t, rec.StoredAt)
	require.False(t, rec.Alarm)

	res, whole := audio(t, s, http.MethodGet, callID, "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "audio/wav", res.Header.Get("Content-Type"))
	sum := sha256.Sum256(whole)
	require.Equal(t, want.SHA256, hex.EncodeToString(sum[:]))
	requirePlayable(t, whole)

	res, part := audio(t, s, http.MethodGet, callID, "bytes=100-299")
	require.Equal(t, http.StatusPartialContent, res.StatusCode)
	require.Equal(t, fmt.Sprintf("bytes 100-299/%d", len(whole)), res.Header.Get("Content-Range"))
	require.Equal(t, whole[100:300], part)
	res, part = audio(t, s, http.MethodGet, callID, "bytes=-50")
	require.Equal(t, http.StatusPartialContent, res.StatusCode)
	require.Equal(t, whole[len(whole)-50:], part)
	res, part = audio(t, s, http.MethodHead, callID, "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, int64(len(whole)), res.ContentLength)
	require.Empty(t, part)
}

// requirePlayable reads bytes as a player does: RIFF, its chunks, consistent PCM, and every announced byte of audio.
func requirePlayable(t *testing.T, b []byte) {
	t.Helper()
	number := binary.LittleEndian
	require.Greater(t, len(b), 44)
	require.Equal(t, "RIFF", string(b[:4]))
	require.EqualValues(t, len(b)-8, number.Uint32(b[4:]))
	require.Equal(t, "WAVE", string(b[8:12]))
	chunks := map[string][]byte{}
	for rest := b[12:]; len(rest) >= 8; {
		size := int(number.Uint32(rest[4:]))
		require.LessOrEqual(t, size, len(rest)-8)
		chunks[string(rest[:4])] = rest[8 : 8+size]
		rest = rest[8+size+size%2:]
	}
	format := chunks["fmt "]
	require.GreaterOrEqual(t, len(format), 16)
	channels, rate, bits := int(number.Uint16(format[2:])), int(number.Uint32(format[4:])), int(number.Uint16(format[14:]))
	require.EqualValues(t, 1, number.Uint16(format), "PCM")
	require.EqualValues(t, rate*channels*bits/8, number.Uint32(format[8:]))
	require.GreaterOrEqual(t, len(chunks["data"]), rate*channels*bits/8, "a second of sound")
}

// stored returns the objects in the folder of a store.
func stored(t *testing.T, recordingsURL string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(strings.TrimPrefix(recordingsURL, "file:"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, filepath.Base(name))
		}
		return err
	}))
	return names
}

func TestRecordedCalls(t *testing.T) {
	s := start(t, nil)
	for to, tries := range map[string]int{"+966500000005": 1, "+966500000006": 4, "+966500000014": 1} {
		t.Run(to[len(to)-2:], func(t *testing.T) {
			t.Parallel()
			callID := awaitOutcome(t, s, placeCall(t, s, to, nil)).Outcome.CallID
			rec := awaitRecording(t, s, callID, calls.RecordingStored)
			require.Equal(t, tries, original(t, s, callID).Requests)
			requireKept(t, s, callID, rec)
			require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.RecordingWorkflowID(callID, rec.Leg), "").Get(t.Context(), nil))
			_, call := getCall(t, s, callID, "")
			require.Len(t, call.Recordings, 1)
			require.Equal(t, rec.SHA256, call.Recordings[0].SHA256)
		})
	}
}

func TestRecordingWhoseURLIsDead(t *testing.T) {
	t.Run("is tried on, and an operator finds it", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		callID := awaitOutcome(t, s, placeCall(t, s, "+966500000013", nil)).Outcome.CallID
		rec := awaitDanger(t, s, callID)
		require.Equal(t, "status-403", rec.Reason)
		require.Equal(t, http.StatusForbidden, rec.LastTry.HTTPStatus)
		res, _ := audio(t, s, http.MethodGet, callID, "")
		require.Equal(t, http.StatusNotFound, res.StatusCode)
		id := calls.RecordingWorkflowID(callID, rec.Leg)
		requireFound(t, s, id, `WorkflowType = "Recording" AND CallAttention = "recording-alarm" AND RecordingStatus = "PENDING" AND ExecutionStatus = "Running"`)

		require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Match: callID}))
		status, _ := request(t, s, http.MethodPost, "/v1/recordings/"+callID+"/retry", nil)
		require.Equal(t, http.StatusAccepted, status)
		requireKept(t, s, callID, awaitRecording(t, s, callID, calls.RecordingStored))
	})
	t.Run("is begun anew by an operator when its workflow has ended", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		callID := awaitOutcome(t, s, placeCall(t, s, "+966500000013", nil)).Outcome.CallID
		id := calls.RecordingWorkflowID(callID, awaitDanger(t, s, callID).Leg)
		require.NoError(t, s.Temporal().TerminateWorkflow(t.Context(), id, "", "test"))
		require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Match: callID}))
		status, _ := request(t, s, http.MethodPost, "/v1/recordings/"+callID+"/retry", nil)
		require.Equal(t, http.StatusAccepted, status)
		requireKept(t, s, callID, awaitRecording(t, s, callID, calls.RecordingStored))
	})
	t.Run("is stored from the one in the call log", func(t *testing.T) {
		t.Parallel()
		s := start(t, func(o *stack.Options) { o.Simulator.RefreshDeadLinks = true })
		callID := awaitOutcome(t, s, placeCall(t, s, "+966500000013", nil)).Outcome.CallID
		requireKept(t, s, callID, awaitRecording(t, s, callID, calls.RecordingStored))
	})
}

// awaitDanger waits until a pending recording needs attention.
func awaitDanger(t *testing.T, s *stack.Stack, callID string) (rec calls.Recording) {
	t.Helper()
	require.Eventually(t, func() bool {
		rec = calls.Recording{}
		status, text := request(t, s, http.MethodGet, "/v1/recordings/"+callID, nil)
		return status == http.StatusOK && json.Unmarshal(text, &rec) == nil && rec.Alarm
	}, 60*time.Second, 100*time.Millisecond)
	require.Equal(t, calls.RecordingPending, rec.Status)
	return rec
}

// requireFound looks up a workflow as an operator does in the Temporal UI.
func requireFound(t *testing.T, s *stack.Stack, id, query string) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, err := s.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.TemporalNamespace(), Query: query})
		require.NoError(t, err)
		return len(found.GetExecutions()) == 1 && found.GetExecutions()[0].GetExecution().GetWorkflowId() == id
	}, 30*time.Second, 100*time.Millisecond, "%s does not find %s", query, id)
}

// TestRecordingOfAHostThatIsNotAllowed: such a host is not asked, neither for its URL nor after a redirect.
func TestRecordingOfAHostThatIsNotAllowed(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for name, o := range map[string]struct {
		hosts  []string
		rule   simulator.Behaviour
		asked  bool
		reason string
	}{
		"by its URL":     {[]string{"recordings.example.com"}, simulator.Behaviour{Kind: simulator.HostOK}, false, "host-not-allowed"},
		"by a redirect":  {nil, simulator.Behaviour{Kind: simulator.HostRedirect, Location: elsewhere.URL + "/a.wav"}, true, "host-not-allowed"},
		"by a file: URL": {nil, simulator.Behaviour{Kind: simulator.HostRedirect, Location: "file:///etc/hosts"}, true, "scheme-not-allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(so *stack.Options) { so.Config.RecordingHosts = o.hosts })
			require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Behaviour: o.rule}))
			callID := placeElsewhere(t, s, "+966500000005", "")
			rec := awaitDanger(t, s, callID)
			require.Equal(t, o.reason, rec.Reason)
			require.NotEmpty(t, rec.Advice)
			require.Equal(t, o.asked, original(t, s, callID).Requests > 0)
			require.Zero(t, asked.Load())
			require.Empty(t, stored(t, s.Config().RecordingsURL))
			requireFound(t, s, calls.RecordingWorkflowID(callID, rec.Leg), `RecordingStatus = "PENDING" AND CallAttention = "recording-alarm"`)
		})
	}
}

// requireMetric waits until a series of the admin listener has at least a value: a workflow may count twice if one of its
// tasks is repeated.
func requireMetric(t *testing.T, s *stack.Stack, name string, value float64, labels ...string) {
	t.Helper()
	var shown []string
	require.Eventually(t, func() bool {
		res, err := http.Get(s.AdminURL() + "/metrics")
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		shown = nil
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, name+"{") {
				shown = append(shown, line)
			}
		}
		return slices.ContainsFunc(shown, func(line string) bool {
			got, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64)
			return err == nil && got >= value && !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(line, l) })
		})
	}, 30*time.Second, 200*time.Millisecond, "no series %s %v is %v: %s", name, labels, value, latest{&shown})
}

// TestPendingRecordingIsTriedWhenAnOperatorSaysSo repairs a host while the next try is seconds away.
func TestPendingRecordingIsTriedWhenAnOperatorSaysSo(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Behaviour: simulator.Behaviour{Kind: simulator.HostStatus}}))
	callID := placeElsewhere(t, s, "+966500000005", "")
	require.Eventually(t, func() bool { return original(t, s, callID).Requests == 5 }, time.Minute, 50*time.Millisecond)
	rec := awaitRecording(t, s, callID, calls.RecordingPending)
	requireFound(t, s, calls.RecordingWorkflowID(callID, rec.Leg), `RecordingStatus = "PENDING" AND ExecutionStatus = "Running"`)
	requireMetric(t, s, "aftercall_recordings_pending", 1, `hours="0"`)
	res, _ := audio(t, s, http.MethodGet, callID, "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)

	require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Behaviour: simulator.Behaviour{Kind: simulator.HostOK}}))
	asked := time.Now() // the sixth try would come 16 s after the fifth
	status, answer := request(t, s, http.MethodPost, "/v1/recordings/"+callID+"/retry", nil)
	require.Equal(t, http.StatusAccepted, status, "%s", answer)
	requireKept(t, s, callID, awaitRecording(t, s, callID, calls.RecordingStored))
	require.Less(t, time.Since(asked), 10*time.Second)
	require.Equal(t, 6, original(t, s, callID).Requests)
	requireMetric(t, s, "aftercall_recordings", 1, `status="STORED"`)
	status, _ = request(t, s, http.MethodPost, "/v1/recordings/"+callID+"/retry", nil)
	require.Equal(t, http.StatusConflict, status)
}

// hearOfRecording is a business workflow that waits for a call, and then for its recording. It returns all the news.
func hearOfRecording(ctx workflow.Context, callID string) ([]calls.Recording, error) {
	if _, err := calls.Await(ctx, callID, calls.Within(2*time.Minute)); err != nil {
		return nil, err
	}
	var heard []calls.Recording
	for len(heard) == 0 || heard[len(heard)-1].Status == calls.RecordingPending {
		var rec calls.Recording
		workflow.GetSignalChannel(ctx, calls.SignalRecording(calls.Key(callID))).Receive(ctx, &rec)
		heard = append(heard, rec)
	}
	return heard, nil
}

// listen starts a business workflow that listens for the recording of a call, on a worker that knows only package calls of
// aftercall.
func listen(t *testing.T, s *stack.Stack, callID string) client.WorkflowRun {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, businessQueue, worker.Options{})
	w.RegisterWorkflow(hearOfRecording)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return execute(t, c, newID("listener"), hearOfRecording, callID)
}

// silent makes the provider lose its notifications, so that the test chooses when to send them.
func silent(o *stack.Options) {
	o.Simulator.OnPost = func(simulator.Post) simulator.Fault { return simulator.FaultLoseNotifications }
}

func TestSubscriberHearsOfARecording(t *testing.T) {
	for name, o := range map[string]struct {
		first map[string]any // notified before the URL
		rule  simulator.Behaviour
		want  []calls.RecordingStatus
	}{
		"with the outcome":  {map[string]any{"status": "RINGING", "completedAt": nil}, simulator.Behaviour{}, []calls.RecordingStatus{calls.RecordingStored}},
		"after the outcome": {nil, simulator.Behaviour{}, []calls.RecordingStatus{calls.RecordingStored}},
		"that is in danger": {nil, simulator.Behaviour{Kind: simulator.HostHTML, Times: 2}, []calls.RecordingStatus{calls.RecordingPending, calls.RecordingStored}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, silent)
			require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{Behaviour: o.rule}))
			callID := placeElsewhere(t, s, "+966500000005", "")
			run := listen(t, s, callID)
			awaitSubscribers(t, s, callID, 1)
			was := original(t, s, callID)
			edit := map[string]any{"callSid": was.CallSID}
			for k, v := range o.first {
				edit[k] = v
			}
			require.Equal(t, http.StatusOK, notify(t, s, notification(callID, edit)))
			require.Equal(t, http.StatusOK, notify(t, s, notification(callID, map[string]any{"callSid": was.CallSID, "recordingUrl": was.URL})))
			var heard []calls.Recording
			require.NoError(t, run.Get(t.Context(), &heard))
			var statuses []calls.RecordingStatus
			for _, r := range heard {
				statuses = append(statuses, r.Status)
			}
			require.Equal(t, o.want, statuses)
			last := heard[len(heard)-1]
			require.Equal(t, callID, last.CallKey)
			if last.Status == calls.RecordingStored {
				require.Equal(t, was.SHA256, last.SHA256)
			}
		})
	}
}

// TestRecordingThatComesWhenTheCallIsClosed sends the URL when only the result of the closed call is left.
func TestRecordingThatComesWhenTheCallIsClosed(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		silent(o)
		o.Config.CallGrace = 2 * time.Second
	})
	callID := placeElsewhere(t, s, "+966500000005", "")
	run := listen(t, s, callID)
	awaitSubscribers(t, s, callID, 1)
	was := original(t, s, callID)
	require.Equal(t, http.StatusOK, notify(t, s, notification(callID, map[string]any{"callSid": was.CallSID})))
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(callID), "").Get(t.Context(), nil))
	status, _ := getRecording(t, s, callID)
	require.Equal(t, http.StatusNotFound, status)
	res, _ := audio(t, s, http.MethodGet, callID, "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)

	late := notification(callID, map[string]any{"callSid": was.CallSID, "recordingUrl": was.URL})
	for range 2 {
		require.Equal(t, http.StatusOK, notify(t, s, late))
	}
	rec := awaitRecording(t, s, callID, calls.RecordingStored)
	requireKept(t, s, callID, rec)
	require.Equal(t, 1, original(t, s, callID).Requests)
	requireMetric(t, s, "aftercall_deliveries_total", 1, `result="late_recording"`)
	var heard []calls.Recording
	require.NoError(t, run.Get(t.Context(), &heard), "who was told of the call is told of its recording")
	require.Equal(t, was.SHA256, heard[0].SHA256)
	_, call := getCall(t, s, callID, "")
	require.Len(t, call.Recordings, 1)
	runs, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: s.TemporalNamespace(), Query: `WorkflowId = "` + calls.CallWorkflowID(callID) + `"`,
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, runs.GetCount(), "never a second run")
}

// TestRecordingOutlivesItsWorker kills the program in the middle of a slow download, and starts it again.
func TestRecordingOutlivesItsWorker(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.StopApp(), "the program under test runs in a process of its own")
	p := newProduct(t, s)
	store := "file:" + filepath.Join(t.TempDir(), "recordings")
	p.env = append(p.env, "AFTERCALL_RECORDING_ALLOW_HTTP=true", "AFTERCALL_RECORDING_HOSTS="+s.Simulator().Addr(), "AFTERCALL_RECORDINGS_URL="+store)
	p.start(t)
	defer func() { p.kill(t) }()
	require.NoError(t, s.Simulator().SetRecordingHost(simulator.HostRule{
		Behaviour: simulator.Behaviour{Kind: simulator.HostSlow, Size: 1 << 20, BytesPerSecond: 256 << 10},
	}))
	require.NoError(t, s.Simulator().SetWebhook(simulator.Webhook{URL: p.base + "/webhooks/unifonic", Username: p.user[0], Password: p.user[1]}))
	require.Eventually(t, func() bool {
		status, _ := p.post(t.Context(), []byte("[]"))
		return status == http.StatusBadRequest
	}, 30*time.Second, 50*time.Millisecond)

	callID := placeElsewhere(t, s, "+966500000005", "")
	require.Eventually(t, func() bool { return original(t, s, callID).Requests == 1 }, 30*time.Second, 50*time.Millisecond)
	<-time.After(time.Second) // a quarter of it has arrived
	p.kill(t)
	for _, name := range stored(t, store) {
		require.NotContains(t, name, ".wav", "nothing partial is seen")
	}
	p.start(t)

	id := calls.RecordingWorkflowID(callID, original(t, s, callID).CallSID)
	var rec calls.Recording
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), id, "").Get(t.Context(), &rec))
	want := original(t, s, callID)
	require.Equal(t, want.SHA256, rec.SHA256)
	require.Equal(t, 2, rec.Tries)
	require.Equal(t, 2, want.Requests)
	names := stored(t, store)
	require.Len(t, names, 2, "the bytes and what is known of them: %v", names)
	require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, events(t, s, id)[len(events(t, s, id))-1].GetEventType())
	require.True(t, slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".wav") }))
}

// TestRecordingThatWasAskedFor: a requested recording is looked for if nobody names it. It is shown meanwhile, and kept
// when it is named after all.
func TestRecordingThatWasAskedFor(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.CallGrace = time.Second })
	place := func(to string) string {
		ref := newID("asked")
		body, err := json.Marshal(spoken(ref, to))
		require.NoError(t, err)
		status, answer := request(t, s, http.MethodPost, "/v1/outbound-calls", body)
		require.Equal(t, http.StatusAccepted, status, "%s", answer)
		var id string
		require.Eventually(t, func() bool {
			for _, c := range s.Simulator().Calls() {
				if request, _, _ := calls.ParseAttemptReferenceID(c.ReferenceID); request == ref {
					id = c.CallID
				}
			}
			return id != ""
		}, time.Minute, 20*time.Millisecond)
		return id
	}
	t.Run("and is never named", func(t *testing.T) {
		callID := place("+966500000119")
		rec := awaitRecording(t, s, callID, calls.RecordingPending)
		id := calls.RecordingWorkflowIDOfHash(callID, rec.LegHash)
		require.Eventually(t, func() bool {
			d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
			return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetPriority().GetPriorityKey() == 5
		}, time.Minute, 20*time.Millisecond, "the call log is asked, last in line")
		status, answer := request(t, s, http.MethodPost, "/v1/recordings/"+callID+"/retry", nil)
		require.Equal(t, http.StatusAccepted, status, "%s", answer)

		awaitWorkflow(t, s, calls.CallWorkflowID(callID))
		named := placeElsewhere(t, s, "+966500000105", "")
		awaitRecording(t, s, named, calls.RecordingStored)
		body := notification(callID, map[string]any{"callSid": rec.Leg, "to": "+966500000119", "duration": 2, "recordingUrl": original(t, s, named).URL})
		require.Equal(t, http.StatusOK, notify(t, s, body))
		awaitRecording(t, s, callID, calls.RecordingStored)
	})
	t.Run("and stands in the call log", func(t *testing.T) {
		callID := place("+966500000114")
		requireKept(t, s, callID, awaitRecording(t, s, callID, calls.RecordingStored))
	})
}
