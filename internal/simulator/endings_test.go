package simulator_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/simulator"
)

const number = "+9665000000" // plus two digits

func TestEveryDocumentedEndingExists(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/simulator.md")
	require.NoError(t, err)
	endings := simulator.Endings()
	rows := regexp.MustCompile("(?m)^\\| `(\\d\\d)` \\|").FindAllStringSubmatch(string(document), -1)
	for _, row := range rows {
		require.NotEmpty(t, endings[row[1]], row[1])
	}
	require.Len(t, endings, len(rows))
}

func TestEndingsThatTheAPIAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		digits   string
		more     object
		told     []string
		logged   []string
		recorded bool
		reason   any
	}{
		{digits: "00", told: []string{"COMPLETED"}, logged: []string{"completed"}},
		{digits: "01", told: []string{"BUSY"}, logged: []string{"busy"}},
		{digits: "02", told: []string{"NO_ANSWER"}, logged: []string{"no_answer"}},
		{digits: "03", told: []string{"FAILED"}, logged: []string{"failed"}, reason: "Network congestion"},
		{digits: "05", told: []string{"COMPLETED"}, logged: []string{"completed"}, recorded: true},
		{digits: "06", told: []string{"COMPLETED"}, logged: []string{"completed"}, recorded: true},
		{digits: "07", told: []string{"COMPLETED", "COMPLETED", "COMPLETED"}, logged: []string{"completed"}},
		{digits: "08", told: []string{}, logged: []string{"completed"}},
		{digits: "11", told: []string{"REJECTED"}, logged: []string{"rejected"}, reason: "Rejected by policy"},
		{digits: "12", told: []string{"TRANSFERRING", "COMPLETED"}, logged: []string{"completed"}},
		{digits: "13", told: []string{"COMPLETED"}, logged: []string{"completed"}, recorded: true},
		{digits: "14", told: []string{"COMPLETED", "COMPLETED"}, logged: []string{"completed"}, recorded: true},
		{digits: "15", told: []string{"COMPLETED"}, logged: []string{"completed"}},
		{digits: "18", told: []string{"BUSY"}, logged: []string{"busy"}},
		{digits: "19", more: object{"callRecording": true}, told: []string{"COMPLETED"}, logged: []string{"completed"}},
		{digits: "99", told: []string{"COMPLETED"}, logged: []string{"completed"}},
		{digits: "00", more: object{"callRecording": true}, told: []string{"COMPLETED"}, logged: []string{"completed"}, recorded: true},
		{digits: "08", more: object{"callRecording": true}, told: []string{}, logged: []string{"completed"}, recorded: true},
		{digits: "02", more: object{"callRecording": true}, told: []string{"NO_ANSWER"}, logged: []string{"no_answer"}},
	} {
		t.Run(c.digits, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			sim := start(t, in)
			id := place(t, sim, number+c.digits, "ref-a1", c.more)
			settle(t, sim)

			require.ElementsMatch(t, c.told, in.statuses(), "each is sent on its own, and may overtake another")
			var statuses []string
			var link any = ""
			for _, entry := range logged(t, sim, id) {
				statuses = append(statuses, entry["status"].(string))
				link = entry["recordingUrl"]
			}
			require.Equal(t, c.logged, statuses)
			require.Equal(t, c.recorded, link != "")
			for _, body := range in.received() {
				require.Equal(t, id, body["callId"])
				require.Equal(t, "ref-a1", body["referenceId"])
				require.Equal(t, c.reason, body["failureReason"])
				require.Equal(t, number+c.digits, body["to"])
				require.Equal(t, primary, body["from"])
			}
			require.Len(t, sim.Calls(), 1)
		})
	}
}

func TestNotificationHasTheDocumentedFields(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	place(t, sim, number+"05", "ref-a1", nil)
	settle(t, sim)
	body := in.received()[0]
	var keys []string
	for key := range body {
		keys = append(keys, key)
	}
	require.ElementsMatch(t, []string{"applicationId", "callSid", "parentCallSid", "from", "to", "duration", "direction",
		"status", "initiatedAt", "completedAt", "useCase", "accountId", "referenceId", "externalCallsId", "recordingUrl",
		"failureReason", "maskId", "requestReceivedAt", "uniqueCallId", "secondaryCallerId", "callId", "campaignId"}, keys)
	require.InDelta(t, time.Now().Unix(), body["completedAt"], 5)
	require.LessOrEqual(t, body["requestReceivedAt"], body["completedAt"])
	require.InDelta(t, 2, body["duration"], 0)
	require.Equal(t, "OUTBOUND", body["direction"])
	require.Equal(t, "IVR", body["useCase"])
	require.Nil(t, body["parentCallSid"])
	require.Nil(t, body["maskId"])
	require.Equal(t, []string{"Basic dW5pOmZvbmlj"}, in.auth)
}

func TestRecordingFollowsInASecondNotification(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in, func(o *simulator.Options) { o.Speed = 2 }) // the test checks the order of two notifications
	place(t, sim, number+"14", "ref-a1", object{"callRecording": true})
	settle(t, sim)
	told := in.received()
	require.Len(t, told, 2)
	require.Empty(t, told[0]["recordingUrl"])
	require.NotEmpty(t, told[1]["recordingUrl"])
	require.Equal(t, told[0]["callSid"], told[1]["callSid"])
	require.Equal(t, told[0]["completedAt"], told[1]["completedAt"])
}

func TestBusyForTheFirstTwoAttempts(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	for i, want := range []string{"BUSY", "BUSY", "COMPLETED"} {
		place(t, sim, number+"18", "again-a"+strconv.Itoa(i+1), nil)
		settle(t, sim)
		told := in.received()
		require.Len(t, told, i+1)
		require.Equal(t, want, told[i]["status"])
	}
	place(t, sim, number+"18", "other-a1", nil)
	settle(t, sim)
	require.Equal(t, "BUSY", in.received()[3]["status"], "another request begins anew")
}

func TestPrimaryFailsAndSecondaryCompletes(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	for _, c := range []struct{ reference, callerID, told string }{
		{"order-1-a1", primary, "FAILED"},
		{"order-1-a2", secondary, "COMPLETED"},
		{"order-1-a3", primary, "FAILED"},
		{"order-2-a1", secondary, "FAILED"}, // another story has its own primary
		{"order-2-a2", primary, "COMPLETED"},
	} {
		id := place(t, sim, number+"04", c.reference, object{"callerId": c.callerID})
		settle(t, sim)
		told := in.received()
		last := told[len(told)-1]
		require.Equal(t, c.told, last["status"], c.reference)
		require.Equal(t, c.callerID, last["from"])
		require.Equal(t, id, last["callId"])
	}
	require.Len(t, in.received(), 5)
}

func TestProviderFailsOverItself(t *testing.T) {
	t.Parallel()
	for digits, want := range map[string][]string{
		"00": {"COMPLETED"}, "01": {"BUSY"}, "03": {"FAILED", "FAILED"}, "04": {"FAILED", "COMPLETED"},
	} {
		t.Run(digits, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			sim := start(t, in, func(o *simulator.Options) { o.Speed = 2 }) // the test checks the order of two legs
			id := place(t, sim, number+digits, "ref-a1", object{"secondaryCallerId": secondary})
			settle(t, sim)
			require.Equal(t, want, in.statuses())
			sids := map[any]bool{}
			for i, body := range in.received() {
				require.Equal(t, id, body["callId"])
				require.Equal(t, secondary, body["secondaryCallerId"])
				require.Equal(t, []string{primary, secondary}[i], body["from"])
				sids[body["callSid"]] = true
			}
			require.Len(t, sids, len(want))
			require.Len(t, logged(t, sim, id), len(want))
			require.Len(t, sim.Calls(), 1, "a failover of the provider is no call of ours")
		})
	}
}

func TestCallsWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	t.Run("09 hangs", func(t *testing.T) {
		t.Parallel()
		in := newInbox(t)
		sim := start(t, in)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := call(ctx, sim, number+"09", "ref-a1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		settle(t, sim)
		require.Equal(t, []string{"COMPLETED"}, in.statuses())
		require.Len(t, logged(t, sim, "ref-a1"), 1)
	})
	t.Run("16 answers 500", func(t *testing.T) {
		t.Parallel()
		in := newInbox(t)
		sim := start(t, in)
		status, body := ask(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+"16", "ref-a1", nil))
		require.Equal(t, http.StatusInternalServerError, status)
		require.Equal(t, object{"message": "null"}, body)
		settle(t, sim)
		require.Equal(t, []string{"COMPLETED"}, in.statuses())
		require.Equal(t, "ref-a1", sim.Calls()[0].ReferenceID)
	})
	t.Run("17 never accepts", func(t *testing.T) {
		t.Parallel()
		in := newInbox(t)
		sim := start(t, in)
		status, _ := ask(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+"17", "ref-a1", nil))
		require.Equal(t, http.StatusInternalServerError, status)
		settle(t, sim)
		require.Empty(t, in.received())
		require.Empty(t, sim.Calls())
		require.Len(t, sim.Posts(), 1)
		require.Nil(t, logged(t, sim, "ref-a1"))
	})
}

func TestRefusesTwiceThenAccepts(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	for _, reference := range []string{"one-a1", "two-a1"} {
		for range 2 {
			response, _, err := send(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+"10", reference, nil))
			require.NoError(t, err)
			require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
			require.Equal(t, "1", response.Header.Get("Retry-After"))
		}
		place(t, sim, number+"10", reference, nil)
	}
	require.Len(t, sim.Calls(), 2)
	require.Len(t, sim.Posts(), 6)
}

func TestNotificationBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	place(t, sim, number+"15", "ref-a1", nil)
	require.Equal(t, []string{"COMPLETED"}, in.statuses(), "already told when the API answers")
}

func TestAcceptedHookRunsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	accepted := make(chan simulator.Call, 1)
	release := make(chan struct{})
	in := newInbox(t)
	sim := start(t, in, func(o *simulator.Options) {
		o.OnCallAccepted = func(c simulator.Call) {
			accepted <- c
			<-release
		}
	})
	answered := make(chan int)
	go func() {
		status, _ := call(t.Context(), sim, number+"00", "ref-a1")
		answered <- status
	}()
	require.Equal(t, "ref-a1", (<-accepted).ReferenceID)
	require.Len(t, sim.Calls(), 1)
	require.Eventually(t, func() bool { return len(in.received()) == 1 }, patience, beat, "the call goes on meanwhile")
	close(release)
	require.Equal(t, http.StatusCreated, <-answered)
}

func TestAtSpeedOneThePromisedTimesHold(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in, func(o *simulator.Options) { o.Speed = 1 })
	began := time.Now()
	place(t, sim, number+"04", "ref-a1", object{"secondaryCallerId": secondary})
	place(t, sim, number+"14", "ref2-a1", nil)
	require.Eventually(t, func() bool { return len(in.received()) == 3 }, patience, beat)
	require.Greater(t, time.Since(began), time.Second, "speed 1 is no rush")
	require.Eventually(t, func() bool { return len(in.received()) == 4 }, patience, beat)
	require.Less(t, time.Since(began), 30*time.Second)
}
