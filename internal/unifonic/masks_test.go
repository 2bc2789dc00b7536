package unifonic_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

const maskBody = `{"maskId":"m-1","callerId":"+966110000003","secondaryCallerId":null,"status":"active","timeCreation":"2022-12-20 10:43:01",
	"timeDeactivation":"2022-12-21 10:43:01","requestBody":"MaskRequest(from=+966500000001, to=+966500000002)","from":"+966500000001","to":"+966500000002"}`

// paths gives each path its listed answer, or 404, and keeps the requests in order.
type paths struct {
	answers map[string]string // "201 {…}" by path
	seen    []string
	bodies  [][]byte
	query   string
}

func (p *paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.seen = append(p.seen, r.Method+" "+r.URL.EscapedPath())
	body, _ := io.ReadAll(r.Body)
	p.bodies = append(p.bodies, body)
	p.query = r.URL.Query().Encode()
	status, text := 404, `{"message":"no such path"}`
	if a, ok := p.answers[r.URL.EscapedPath()]; ok {
		status = int(a[0]-'0')*100 + int(a[1]-'0')*10 + int(a[2]-'0')
		text = a[3:]
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func TestCreateMask(t *testing.T) {
	t.Parallel()
	want := unifonic.Mask{
		MaskID: "m-1", CallerID: "+966110000003", Status: "active", From: "+966500000001", To: "+966500000002",
		CreatedAt: at(t, "2022-12-20T10:43:01Z"),
	}
	const guide, other = "/v1/providers/masks", "/v1/providers/config/masks"
	oneWay := unifonic.CreateMaskRequest{To: "+966500000002"}
	twoWay := unifonic.CreateMaskRequest{From: "+966500000001", To: "+966500000002"}
	for _, tc := range []struct {
		name    string
		r       unifonic.CreateMaskRequest
		answers map[string]string
		golden  string
		seen    []string
		verdict unifonic.Verdict // "" is success
		final   bool
		status  int
	}{
		{"two-way", twoWay, map[string]string{guide: "201" + maskBody}, "mask-two-way.json", []string{guide}, "", false, 0},
		{"one-way", oneWay, map[string]string{guide: "201" + maskBody}, "mask-one-way.json", []string{guide}, "", false, 0},
		{"one-way, guide path forbidden", oneWay, map[string]string{guide: "403{}", other: "201" + maskBody}, "mask-one-way.json", []string{guide, other}, "", false, 0},
		{"one-way, guide path missing", oneWay, map[string]string{other: "200" + maskBody}, "mask-one-way.json", []string{guide, other}, "", false, 0},
		{"one-way, both forbidden", oneWay, map[string]string{guide: "403{}", other: "403{}"}, "", []string{guide, other}, unifonic.VerdictNotPlaced, true, 403},
		{"one-way, both missing", oneWay, nil, "", []string{guide, other}, unifonic.VerdictNotPlaced, true, 404},
		{"one-way, fallback fails", oneWay, map[string]string{other: "500{}"}, "", []string{guide, other}, unifonic.VerdictUnknown, false, 500},
		{"one-way, no fallback after 400", oneWay, map[string]string{guide: "400{}", other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictNotPlaced, true, 400},
		{"one-way, no fallback after 405", oneWay, map[string]string{guide: "405{}", other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictUnknown, false, 405},
		{"one-way, no fallback after 500", oneWay, map[string]string{guide: "500{}", other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictUnknown, false, 500},
		{"one-way, no fallback after 429", oneWay, map[string]string{guide: "429{}", other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictNotPlaced, false, 429},
		{"one-way, no fallback after 2xx without an id", oneWay, map[string]string{guide: "201{}", other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictUnknown, false, 201},
		{"two-way, no other path", twoWay, map[string]string{other: "201" + maskBody}, "", []string{guide}, unifonic.VerdictNotPlaced, true, 404},
		{"unreadable", twoWay, map[string]string{guide: "201<html>"}, "", []string{guide}, unifonic.VerdictUnknown, false, 201},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &paths{answers: tc.answers}
			m, err := provider(t, p.ServeHTTP).CreateMask(t.Context(), tc.r)
			require.Len(t, p.seen, len(tc.seen))
			for i, path := range tc.seen {
				require.Equal(t, "POST "+path, p.seen[i])
			}
			if tc.verdict == "" {
				require.NoError(t, err)
				require.Equal(t, want, m)
				golden(t, tc.golden, p.bodies[len(p.bodies)-1])
				return
			}
			callErr := requireCallError(t, err)
			require.Equal(t, tc.verdict, callErr.Verdict)
			require.Equal(t, tc.final, callErr.Final)
			require.Equal(t, tc.status, callErr.StatusCode)
		})
	}
}

func TestCreateMaskIsUnknownWhenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	base, requests := rawProvider(t, func(net.Conn) {})
	_, err := client(t, base).CreateMask(t.Context(), unifonic.CreateMaskRequest{To: "+966500000002"})
	require.Equal(t, unifonic.VerdictUnknown, requireCallError(t, err).Verdict)
	require.EqualValues(t, 1, requests.Load())
}

func TestMasksAreListedInEveryLikelyShape(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"content":[` + maskBody + `,` + maskBody + `]}`: 2, `[` + maskBody + `]`: 1, `{"data":{"content":[` + maskBody + `]}}`: 1, maskBody: 1,
		`{"content":[]}`: 0, `[]`: 0, `{"content":null}`: 0, `null`: 0,
	} {
		masks, err := answers(t, 200, body).Masks(t.Context(), unifonic.MaskFilter{})
		require.NoError(t, err, body)
		require.Len(t, masks, want, body)
		for _, m := range masks {
			require.Equal(t, "m-1", m.MaskID)
			require.Equal(t, unifonic.MaskActive, m.Status)
		}
	}
	for _, body := range []string{``, `{}`, `{"message":"x"}`, `"x"`, `[1]`, `{"content":[{"id":"m-1"}]}`, `<html>`} {
		_, err := answers(t, 200, body).Masks(t.Context(), unifonic.MaskFilter{})
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr, "%q must not pass for an empty list", body)
	}
}

func TestMasksSendsTheFilterInTheProvidersZone(t *testing.T) {
	t.Parallel()
	p := &paths{answers: map[string]string{"/v1/providers/masks": "200[]"}}
	_, err := provider(t, p.ServeHTTP).Masks(t.Context(), unifonic.MaskFilter{
		CreatedFrom: time.Date(2022, 2, 1, 10, 39, 42, 0, time.FixedZone("", 3*60*60)), CreatedTo: *at(t, "2022-12-31T07:39:42Z"),
		Status: "active", Descending: true,
	})
	require.NoError(t, err)
	require.Equal(t, "fromDate=2022-02-01+07%3A39%3A42&sort=desc&status=active&toDate=2022-12-31+07%3A39%3A42", p.query)
	_, err = provider(t, p.ServeHTTP).Masks(t.Context(), unifonic.MaskFilter{})
	require.NoError(t, err)
	require.Equal(t, "sort=asc", p.query, "sort is required")
}

func TestMaskIsReadAndDeletedByWhicheverPathExists(t *testing.T) {
	t.Parallel()
	const guide, other = "/v1/providers/masks/m-1", "/v1/providers/m-1"
	for _, tc := range []struct {
		name         string
		answers      map[string]string
		tries        int
		found, gone  bool
		deleteStatus int
	}{
		{"guide path", map[string]string{guide: "200" + maskBody}, 1, true, false, 0},
		{"other path after 403", map[string]string{guide: "403{}", other: "200" + maskBody}, 2, true, false, 0},
		{"other path after 404", map[string]string{other: "200" + maskBody}, 2, true, false, 0},
		{"both say missing", nil, 2, false, true, 0},
		{"guide path missing, other forbidden", map[string]string{other: "403{}"}, 2, false, true, 0},
		{"guide path forbidden, other missing", map[string]string{guide: "403{}"}, 2, false, true, 0},
		{"both forbidden", map[string]string{guide: "403{}", other: "403{}"}, 2, false, false, 403},
		{"no fallback after 500", map[string]string{guide: "500{}", other: "200" + maskBody}, 1, false, false, 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &paths{answers: tc.answers}
			c := provider(t, p.ServeHTTP)
			err := c.DeleteMask(t.Context(), "m-1")
			require.Len(t, p.seen, tc.tries)
			require.Equal(t, "DELETE "+guide, p.seen[0])
			if tc.found || tc.gone {
				require.NoError(t, err, "deleting may be repeated")
				return
			}
			var apiErr *unifonic.APIError
			require.ErrorAs(t, err, &apiErr)
			require.Equal(t, tc.deleteStatus, apiErr.StatusCode)
		})
	}
	require.NoError(t, answers(t, 204, ``).DeleteMask(t.Context(), "m-1"))
}

func TestMaskIDNeverNamesAnotherEndpoint(t *testing.T) {
	t.Parallel()
	p := &paths{}
	c := provider(t, p.ServeHTTP)
	for _, id := range []string{"", ".", "..", "webhook", "masks", "config", "queues", "voice-call-log"} {
		require.NoError(t, c.DeleteMask(t.Context(), id))
	}
	require.Empty(t, p.seen)
	_ = c.DeleteMask(t.Context(), "../webhook?x")
	require.Equal(t, []string{"DELETE /v1/providers/masks/..%2Fwebhook%3Fx", "DELETE /v1/providers/..%2Fwebhook%3Fx"}, p.seen)
}

func TestMaskPathsAreSettings(t *testing.T) {
	t.Parallel()
	p := &paths{answers: map[string]string{"/v1/b": "200" + maskBody, "/v1/c/m-1/x": "204"}}
	c, err := unifonic.NewClient(unifonic.ClientOptions{
		BaseURL: serve(t, p) + "/v1", AppsID: appsID,
		MaskPaths: unifonic.MaskPaths{CreateOneWay: []string{"b"}, Delete: []string{"c/{maskId}/x"}},
	})
	require.NoError(t, err)
	_, err = c.CreateMask(t.Context(), unifonic.CreateMaskRequest{To: "+966500000002"})
	require.NoError(t, err)
	require.NoError(t, c.DeleteMask(t.Context(), "m-1"))
	require.Equal(t, []string{"POST /v1/b", "DELETE /v1/c/m-1/x"}, p.seen)
}

func TestMaskRecordingURLs(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"status":"success","recordingUrls":["https://r/1?a=b%2Bc","https://r/2",""]}`: {"https://r/1?a=b%2Bc", "https://r/2"},
		`{"status":"success","recordingUrls":[]}`:                                       {},
		`{"recordingUrls":null}`:                                                        {},
		`{"data":{"recordingUrls":["https://r/1"]}}`:                                    {"https://r/1"},
	} {
		urls, err := answers(t, 200, body).MaskRecordingURLs(t.Context(), "m-1")
		require.NoError(t, err, body)
		require.Equal(t, want, urls)
	}
	for _, body := range []string{`{}`, `{"recordingUrls":"x"}`, ``, `[]`} {
		_, err := answers(t, 200, body).MaskRecordingURLs(t.Context(), "m-1")
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr, body)
	}
	_, err := answers(t, 404, ``).MaskRecordingURLs(t.Context(), "m-1")
	require.ErrorIs(t, err, unifonic.ErrNotFound)
	require.NotContains(t, fmt.Sprint(err), "https://r")
}
