package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

const maxBody = 1 << 20

// noToken is the response of the gateway before the provider's API, both to a missing credential and to an unknown path.
const noToken = "Missing Authentication Token"

func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	api := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, withAppsID(h)) }
	api("POST /v1/calls", s.createCall)
	api("GET /v1/providers/voice-call-log/{id}", s.callLog)
	api("GET /v1/providers/webhook", s.showWebhook)
	api("POST /v1/providers/webhook", s.registerWebhook)
	s.maskRoutes(api)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, noToken)
	})
	mux.HandleFunc("GET /recordings/{name}", s.serveRecording)
	s.mountControl(mux)
	return mux
}

// withAppsID requires the credential in either documented spelling (provider's reference, section 1.1), in any case.
func withAppsID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("AppsId") == "" && r.Header.Get("_AppsId") == "" {
			refuse(w, http.StatusForbidden, noToken)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refuse responds in the documented shape {message}.
func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

// refuseBody responds 400 in the documented shape {message, errors}.
func refuseBody(w http.ResponseWriter, problems []string) {
	answer(w, http.StatusBadRequest, map[string]string{
		"message": "Invalid request", "errors": strings.Join(problems, "; "),
	})
}

// decode reads one JSON object of at most 1 MiB.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read body: more than one JSON value")
	}
	return nil
}

// reset breaks the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
