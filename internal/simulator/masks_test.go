package simulator_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/simulator"
)

const (
	anna  = number + "20"
	basim = number + "21"
)

func createMask(t *testing.T, sim *simulator.Simulator, body object) string {
	t.Helper()
	status, made := ask(t, http.MethodPost, sim.BaseURL()+"/providers/masks", body)
	require.Equal(t, http.StatusCreated, status)
	return made["maskId"].(string)
}

func TestMaskIsCreatedListedShownAndDeleted(t *testing.T) {
	t.Parallel()
	sim := start(t, nil)
	status, made := ask(t, http.MethodPost, sim.BaseURL()+"/providers/masks", object{"from": anna, "to": basim})
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, "active", made["status"])
	require.Nil(t, made["secondaryCallerId"])
	created, err := time.Parse(time.DateTime, made["timeCreation"].(string))
	require.NoError(t, err)
	require.Equal(t, created.Add(24*time.Hour).Format(time.DateTime), made["timeDeactivation"])

	second := createMask(t, sim, object{"to": basim})
	id := made["maskId"].(string)
	list := func(query string) []any {
		status, body := ask(t, http.MethodGet, sim.BaseURL()+"/providers/masks"+query, nil)
		require.Equal(t, http.StatusOK, status)
		var found []any
		for _, m := range body["content"].([]any) {
			found = append(found, m.(map[string]any)["maskId"])
		}
		return found
	}
	require.Equal(t, []any{id, second}, list("?sort=asc"))
	require.Equal(t, []any{second, id}, list("?sort=desc"))
	require.Empty(t, list("?sort=asc&toDate="+url.QueryEscape("2022-12-31 07:39:42")))
	require.Len(t, list("?sort=asc&fromDate="+url.QueryEscape("2022-12-31 07:39:42")), 2)
	status, _ = ask(t, http.MethodGet, sim.BaseURL()+"/providers/masks", nil)
	require.Equal(t, http.StatusBadRequest, status, "sort is required")

	for _, path := range []string{"/providers/masks/", "/providers/"} {
		status, shown := ask(t, http.MethodGet, sim.BaseURL()+path+id, nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, made, shown)
	}
	for range 2 {
		status, _ = ask(t, http.MethodDelete, sim.BaseURL()+"/providers/masks/"+id, nil)
		require.Equal(t, http.StatusNoContent, status)
	}
	require.Equal(t, []any{second}, list("?sort=asc&status=active"))
	require.Equal(t, []any{id}, list("?sort=asc&status=inactive"))
	status, _ = ask(t, http.MethodDelete, sim.BaseURL()+"/providers/masks/unknown", nil)
	require.Equal(t, http.StatusNotFound, status)
}

func TestMaskPathsOfTheTwoDocuments(t *testing.T) {
	t.Parallel()
	oneWay, twoWay := object{"to": basim}, object{"from": anna, "to": basim}
	for _, c := range []struct {
		paths, method, path string
		body                any
		want                int
	}{
		{"guide", "POST", "/providers/masks", oneWay, 201},
		{"guide", "POST", "/providers/config/masks", oneWay, 403},
		{"guide", "DELETE", "/providers/%s", nil, 403},
		{"guide", "DELETE", "/providers/masks/%s", nil, 204},
		{"openapi", "POST", "/providers/masks", oneWay, 400},
		{"openapi", "POST", "/providers/masks", twoWay, 201},
		{"openapi", "POST", "/providers/config/masks", oneWay, 201},
		{"openapi", "POST", "/providers/config/masks", twoWay, 400},
		{"openapi", "GET", "/providers/masks/%s", nil, 403},
		{"openapi", "DELETE", "/providers/masks/%s", nil, 403},
		{"openapi", "DELETE", "/providers/%s", nil, 204},
		{"", "POST", "/providers/config/masks", oneWay, 201},
		{"", "POST", "/providers/masks", object{"to": "x"}, 400},
	} {
		t.Run(c.paths+" "+c.method+" "+c.path, func(t *testing.T) {
			t.Parallel()
			sim := start(t, nil, func(o *simulator.Options) { o.MaskPaths = c.paths })
			id := createMask(t, sim, twoWay)
			path := c.path
			if c.body == nil {
				path = path[:len(path)-2] + id
			}
			status, _ := ask(t, c.method, sim.BaseURL()+path, c.body)
			require.Equal(t, c.want, status)
		})
	}
}

func TestMaskedCallScenarios(t *testing.T) {
	t.Parallel()
	inbound := object{"direction": "INBOUND", "from": anna, "to": "+966115200000"}
	outbound := object{"direction": "OUTBOUND", "from": "+966115200000", "to": basim}
	for _, c := range []struct {
		name, scenario, from string
		want                 []object
		linked               bool
	}{
		{name: "plain", want: []object{inbound, outbound}, linked: true},
		{name: "other party", from: basim, linked: true, want: []object{
			{"direction": "INBOUND", "from": basim, "to": "+966115200000"},
			{"direction": "OUTBOUND", "from": "+966115200000", "to": anna},
		}},
		{name: "no outbound leg", scenario: "no-outbound-leg", want: []object{inbound}},
		{name: "shuffled", scenario: "shuffled", want: []object{outbound, inbound}, linked: true},
		{name: "unlinked", scenario: "unlinked", want: []object{inbound, outbound}},
		{name: "no call id", scenario: "no-call-id", want: []object{inbound, outbound}, linked: true},
		{name: "unknown caller", scenario: "unknown-caller", want: []object{inbound}},
		{name: "stranger", from: number + "77", want: []object{{"direction": "INBOUND", "from": number + "77", "to": "+966115200000"}}},
		{name: "together", scenario: "shuffled,unlinked", want: []object{outbound, inbound}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			sim := start(t, in, func(o *simulator.Options) { o.Speed = 1 }) // the test checks the order of two legs
			mask := createMask(t, sim, object{"from": anna, "to": basim})
			from := c.from
			if from == "" {
				from = anna
			}
			status, body := ask(t, http.MethodPost, sim.URL()+"/simulator/masked-call", object{"maskId": mask, "from": from, "scenario": c.scenario})
			require.Equal(t, http.StatusAccepted, status)
			placed := body["calls"].([]any)[0].(map[string]any)
			settle(t, sim)
			told := in.received()
			require.Len(t, told, len(c.want))
			for i, want := range c.want {
				for key, value := range want {
					require.Equal(t, value, told[i][key], key)
				}
				require.Equal(t, mask, told[i]["maskId"])
				require.Equal(t, "NUMBER_MASKING", told[i]["useCase"])
				require.Equal(t, "COMPLETED", told[i]["status"])
				require.Nil(t, told[i]["secondaryCallerId"])
				require.Equal(t, c.scenario == "no-call-id", told[i]["callId"] == nil)
				if want["direction"] == "INBOUND" {
					require.Equal(t, placed["inboundCallSid"], told[i]["callSid"])
					require.Nil(t, told[i]["parentCallSid"])
					continue
				}
				require.Equal(t, placed["outboundCallSid"], told[i]["callSid"])
				if c.linked {
					require.Equal(t, placed["inboundCallSid"], told[i]["parentCallSid"])
				} else {
					require.Nil(t, told[i]["parentCallSid"])
				}
			}
			require.Empty(t, sim.Calls(), "a masked call is not one that the API accepted")
		})
	}
}

func TestTwoMaskedCallsInTheSameSecond(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	mask := createMask(t, sim, object{"to": basim})
	placed, err := sim.PlaceMaskedCall(simulator.MaskedCall{MaskID: mask, From: anna, Scenario: "same-second"})
	require.NoError(t, err)
	require.Len(t, placed, 2)
	require.NotEqual(t, placed[0].InboundCallSID, placed[1].InboundCallSID)
	settle(t, sim)
	told := in.received()
	require.Len(t, told, 4)
	for _, body := range told {
		require.Equal(t, told[0]["requestReceivedAt"], body["requestReceivedAt"])
		require.NotContains(t, body["requestReceivedAt"], ".")
	}
}

func TestMaskedCallsThatCannotBe(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	mask := createMask(t, sim, object{"to": basim})
	over := createMask(t, sim, object{"to": basim})
	ask(t, http.MethodDelete, sim.BaseURL()+"/providers/masks/"+over, nil)
	for _, c := range []struct {
		body object
		want int
	}{
		{object{"maskId": "unknown", "from": anna}, 404},
		{object{"maskId": over, "from": anna}, 409},
		{object{"maskId": mask, "from": "anna"}, 400},
		{object{"maskId": mask, "from": anna, "scenario": "sideways"}, 400},
	} {
		status, body := ask(t, http.MethodPost, sim.URL()+"/simulator/masked-call", c.body)
		require.Equal(t, c.want, status)
		require.NotEmpty(t, body["message"])
	}
	require.True(t, sim.Idle())
}

func TestRecordingsOfASession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ask                      simulator.MaskedCall
		notified, listed         int // HTTP status of the URLs
		sameURL, sameHostAndPath bool
	}{
		"alive":              {simulator.MaskedCall{}, 200, 200, true, true},
		"dead and refreshed": {simulator.MaskedCall{DeadLink: true}, 403, 200, false, true},
		"dead everywhere":    {simulator.MaskedCall{DeadLink: true, Listed: "dead"}, 403, 403, true, true},
		"other path":         {simulator.MaskedCall{DeadLink: true, Listed: "other-path"}, 403, 200, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			sim := start(t, in)
			mask := createMask(t, sim, object{"from": anna, "to": basim})
			c.ask.MaskID, c.ask.From, c.ask.Recorded = mask, anna, true
			_, err := sim.PlaceMaskedCall(c.ask)
			require.NoError(t, err)
			settle(t, sim)

			var notified string
			for _, leg := range in.received() {
				if leg["direction"] == "INBOUND" {
					notified, _ = leg["recordingUrl"].(string)
				} else {
					require.Empty(t, leg["recordingUrl"])
				}
			}
			require.NotEmpty(t, notified)
			status, body := ask(t, http.MethodGet, sim.BaseURL()+"/providers/masks/recording-urls/"+mask, nil)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "success", body["status"])
			require.Len(t, body["recordingUrls"], 1)
			listed := body["recordingUrls"].([]any)[0].(string)

			require.Equal(t, c.sameURL, notified == listed)
			one, err := url.Parse(notified)
			require.NoError(t, err)
			two, err := url.Parse(listed)
			require.NoError(t, err)
			require.Equal(t, c.sameHostAndPath, one.Host == two.Host && one.Path == two.Path)
			status, _ = ask(t, http.MethodGet, notified, nil)
			require.Equal(t, c.notified, status)
			status, _ = ask(t, http.MethodGet, listed, nil)
			require.Equal(t, c.listed, status)
		})
	}
}
