package simulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/simulator"
)

// recorded places a recorded call and returns the host's description of its recording.
func recorded(t *testing.T, sim *simulator.Simulator, digits string) simulator.Recording {
	t.Helper()
	place(t, sim, number+digits, "ref-a1", nil)
	settle(t, sim)
	_, text, err := send(t, http.MethodGet, sim.URL()+"/simulator/recordings", nil)
	require.NoError(t, err)
	var list []simulator.Recording
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list, 1)
	return list[0]
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

func TestRecordingIsPlayableAndResumable(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in)
	rec := recorded(t, sim, "05")
	require.Equal(t, in.received()[0]["recordingUrl"], rec.URL)

	response, wav, err := send(t, http.MethodGet, rec.URL, nil)
	require.NoError(t, err)
	require.Equal(t, "audio/wav", response.Header.Get("Content-Type"))
	require.Equal(t, rec.SHA256, sum(wav))
	require.EqualValues(t, rec.SizeBytes, len(wav))
	require.Equal(t, "RIFF", string(wav[:4]))
	require.EqualValues(t, len(wav)-8, binary.LittleEndian.Uint32(wav[4:]))
	require.Equal(t, "WAVEfmt ", string(wav[8:16]))
	require.EqualValues(t, 8000, binary.LittleEndian.Uint32(wav[24:]))
	require.EqualValues(t, len(wav)-44, binary.LittleEndian.Uint32(wav[40:]))
	require.EqualValues(t, 2*8000*2, len(wav)-44, "two seconds")

	etag := response.Header.Get("ETag")
	response, rest, err := send(t, http.MethodGet, rec.URL, nil, "Range", "bytes=1001-", "If-Range", etag)
	require.NoError(t, err)
	require.Equal(t, http.StatusPartialContent, response.StatusCode)
	require.Equal(t, wav[1001:], rest)
	response, _, err = send(t, http.MethodGet, rec.URL, nil, "Range", "bytes=1001-", "If-Range", `"other"`)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)

	status, _ := ask(t, http.MethodGet, rec.URL+"&more=1", nil)
	require.Equal(t, http.StatusForbidden, status, "the query string is signed")
	status, _ = ask(t, http.MethodGet, sim.URL()+"/recordings/nothing", nil)
	require.Equal(t, http.StatusNotFound, status)
}

func TestRecordingsDiffer(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	for _, reference := range []string{"one", "two"} {
		place(t, sim, number+"05", reference, nil)
	}
	settle(t, sim)
	list, err := sim.Recordings()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.NotEqual(t, list[0].SHA256, list[1].SHA256)
}

func TestHostFailsThreeTimesFirst(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	rec := recorded(t, sim, "06")
	for range 3 {
		status, _ := ask(t, http.MethodGet, rec.URL, nil)
		require.Equal(t, http.StatusServiceUnavailable, status)
	}
	_, wav, err := send(t, http.MethodGet, rec.URL, nil)
	require.NoError(t, err)
	require.Equal(t, rec.SHA256, sum(wav))
}

func TestDeadLink(t *testing.T) {
	t.Parallel()
	for _, refreshed := range []bool{false, true} {
		in := newInbox(t)
		sim := start(t, in, func(o *simulator.Options) { o.RefreshDeadLinks = refreshed })
		rec := recorded(t, sim, "13")
		for range 5 {
			status, _ := ask(t, http.MethodGet, rec.URL, nil)
			require.Equal(t, http.StatusForbidden, status)
		}
		fromLog := logged(t, sim, rec.CallID)[0]["recordingUrl"].(string)
		require.Equal(t, refreshed, fromLog != rec.URL)
		require.Equal(t, fromLog, logged(t, sim, rec.CallID)[0]["recordingUrl"], "one fresh link, not one per look")
		response, content, err := send(t, http.MethodGet, fromLog, nil)
		require.NoError(t, err)
		require.Equal(t, refreshed, response.StatusCode == http.StatusOK)
		require.Equal(t, refreshed, rec.SHA256 == sum(content))
	}
}

func TestLinksExpire(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	status, _ := ask(t, http.MethodPost, sim.URL()+"/simulator/recording-host",
		object{"match": number + "05", "behaviour": "ok", "expiresAfter": "30s", "status": 410, "refresh": true}) // 3 s
	require.Equal(t, http.StatusOK, status)
	rec := recorded(t, sim, "05")
	status, _ = ask(t, http.MethodGet, rec.URL, nil)
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool {
		status, _ := ask(t, http.MethodGet, rec.URL, nil)
		return status == http.StatusGone
	}, patience, 20*time.Millisecond)
	status, _ = ask(t, http.MethodGet, logged(t, sim, rec.CallID)[0]["recordingUrl"].(string), nil)
	require.Equal(t, http.StatusOK, status)
}

func TestHostMisbehaves(t *testing.T) {
	t.Parallel()
	size := int64(44 + 2*8000*2)
	for _, c := range []struct {
		name     string
		rule     object
		status   int
		length   int64 // announced; -1: none
		received int64
		broken   bool // the client notices
	}{
		{"truncate", object{"behaviour": "truncate"}, 200, size, size / 2, true},
		{"truncate late", object{"behaviour": "truncate", "after": 30000}, 200, size, 30000, true},
		{"truncate-chunked", object{"behaviour": "truncate-chunked"}, 200, -1, size / 2, true},
		{"truncate-close", object{"behaviour": "truncate-close"}, 200, -1, size / 2, false},
		{"length-long", object{"behaviour": "length-long"}, 200, size + 100, size, true},
		{"length-short", object{"behaviour": "length-short"}, 200, size - 100, size - 100, false},
		{"reset", object{"behaviour": "reset"}, 200, size, size / 2, true},
		{"status", object{"behaviour": "status", "status": 429, "retryAfter": 7}, 429, -2, -2, false},
		{"redirect", object{"behaviour": "redirect", "location": "http://127.0.0.1:1/"}, 302, -2, -2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, newInbox(t))
			c.rule["times"] = 1
			status, _ := ask(t, http.MethodPost, sim.URL()+"/simulator/recording-host", c.rule)
			require.Equal(t, http.StatusOK, status)
			rec := recorded(t, sim, "05")
			response, content, err := send(t, http.MethodGet, rec.URL, nil)
			require.NotNil(t, response)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, c.broken, err != nil, err)
			if c.length > -2 {
				require.Equal(t, c.length, response.ContentLength)
				require.EqualValues(t, c.received, len(content))
			}
			if c.status == 429 {
				require.Equal(t, "7", response.Header.Get("Retry-After"))
			}
			response, rest, err := send(t, http.MethodGet, rec.URL, nil, "Range", "bytes=100-")
			require.NoError(t, err, "once only")
			require.Equal(t, http.StatusPartialContent, response.StatusCode)
			require.EqualValues(t, size-100, len(rest))
		})
	}
}

func TestHostNeverEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule simulator.Behaviour
		most int
	}{
		"stall": {simulator.Behaviour{Kind: simulator.HostStall, After: 1000}, 1000},
		"slow":  {simulator.Behaviour{Kind: simulator.HostSlow, BytesPerSecond: 100}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, newInbox(t))
			require.NoError(t, sim.SetRecordingHost(simulator.HostRule{Behaviour: c.rule}))
			rec := recorded(t, sim, "05")
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, rec.URL, nil)
			require.NoError(t, err)
			response, err := client().Do(request)
			require.NoError(t, err)
			content, err := io.ReadAll(response.Body)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, response.Body.Close())
			require.NotEmpty(t, content)
			require.LessOrEqual(t, len(content), c.most)
		})
	}
}

func TestHostAnswersSomethingElse(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	rec := recorded(t, sim, "05")
	get := func(rule simulator.Behaviour) (*http.Response, []byte) {
		require.NoError(t, sim.SetRecordingHost(simulator.HostRule{Match: rec.CallID, Behaviour: rule}))
		response, content, err := send(t, http.MethodGet, rec.URL, nil)
		require.NoError(t, err)
		return response, content
	}
	response, content := get(simulator.Behaviour{Kind: simulator.HostHTML})
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, string(content), "Sign in")

	response, _ = get(simulator.Behaviour{Kind: simulator.HostRedirect, Location: "self"})
	require.Equal(t, rec.URL, response.Header.Get("Location"))

	response, content = get(simulator.Behaviour{Kind: simulator.HostEncoded})
	require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
	zip, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	content, err = io.ReadAll(zip)
	require.NoError(t, err)
	require.Equal(t, rec.SHA256, sum(content))

	_, content = get(simulator.Behaviour{Kind: simulator.HostGzipBomb, Size: 10 << 20})
	require.Less(t, len(content), 100<<10)

	response, content = get(simulator.Behaviour{ContentType: "text/plain", NoRange: true})
	require.Equal(t, "text/plain", response.Header.Get("Content-Type"))
	require.Equal(t, rec.SHA256, sum(content))

	status, _ := ask(t, http.MethodPost, sim.URL()+"/simulator/recording-host", object{"behaviour": "sing"})
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = ask(t, http.MethodPost, sim.URL()+"/simulator/recording-host", object{"format": "flac"})
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = ask(t, http.MethodDelete, sim.URL()+"/simulator/recording-host", nil)
	require.Equal(t, http.StatusNoContent, status)
	response, _, err = send(t, http.MethodGet, rec.URL, nil)
	require.NoError(t, err)
	require.Equal(t, "audio/wav", response.Header.Get("Content-Type"))
}

func TestOtherFormats(t *testing.T) {
	t.Parallel()
	for format, c := range map[string]struct{ contentType, magic string }{
		"mp3": {"audio/mpeg", "ID3"}, "ogg": {"audio/ogg", "OggS"},
	} {
		sim := start(t, newInbox(t))
		require.NoError(t, sim.SetRecordingHost(simulator.HostRule{Behaviour: simulator.Behaviour{Format: format}}))
		rec := recorded(t, sim, "05")
		response, content, err := send(t, http.MethodGet, rec.URL, nil)
		require.NoError(t, err)
		require.Equal(t, c.contentType, response.Header.Get("Content-Type"))
		require.Equal(t, c.magic, string(content[:len(c.magic)]))
		require.Equal(t, rec.SHA256, sum(content))
	}
}

func TestHugeRecordingCostsNoMemory(t *testing.T) {
	t.Parallel()
	sim := start(t, newInbox(t))
	const size = 1 << 30
	require.NoError(t, sim.SetRecordingHost(simulator.HostRule{Behaviour: simulator.Behaviour{Kind: simulator.HostHuge, Size: size}}))
	place(t, sim, number+"05", "ref-a1", nil)
	settle(t, sim)
	link := logged(t, sim, "ref-a1")[0]["recordingUrl"].(string)
	response, err := client().Head(link)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.EqualValues(t, size, response.ContentLength)
	_, tail, err := send(t, http.MethodGet, link, nil, "Range", "bytes=-10")
	require.NoError(t, err)
	require.Equal(t, make([]byte, 10), tail)
	_, head, err := send(t, http.MethodGet, link, nil, "Range", "bytes=0-43")
	require.NoError(t, err)
	require.EqualValues(t, size-8, binary.LittleEndian.Uint32(head[4:]))
}
