package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestReceiver(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32))))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var refuse error
	h := receiver(verifier, func(kind string, data json.RawMessage) error {
		if refuse == nil {
			got = append(got, kind+" "+string(data))
		}
		return refuse
	})
	post := func(id, signedAs string) int {
		const body = `{"type":"call-outcome","timestamp":"2026-01-31T09:00:00Z","data":{"status":"BUSY"}}`
		signature, err := verifier.Sign(signedAs, time.Now(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
		r.Header.Set("webhook-signature", signature)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	refuse = errors.New("the database is away")
	for _, step := range []struct {
		id, signedAs string
		refuse       error
		status       int
	}{
		{"msg_1", "msg_1", refuse, http.StatusServiceUnavailable},
		{"msg_1", "msg_1", nil, http.StatusOK},
		{"msg_1", "msg_1", nil, http.StatusOK}, // again
		{"msg_2", "msg_1", nil, http.StatusUnauthorized},
	} {
		refuse = step.refuse
		if status := post(step.id, step.signedAs); status != step.status {
			t.Errorf("%v is answered %d", step, status)
		}
	}
	if len(got) != 1 || got[0] != `call-outcome {"status":"BUSY"}` {
		t.Errorf("taken: %q", got)
	}
}
