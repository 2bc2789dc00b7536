package simulator

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// controlRoutes returns the routes for testers, which need no credentials.
func (s *Simulator) controlRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /simulator/calls":           shows(func() any { return append([]Call{}, s.Calls()...) }),
		"GET /simulator/posts":           shows(func() any { return append([]Post{}, s.Posts()...) }),
		"GET /simulator/notifications":   shows(func() any { return append([]Delivery{}, s.Deliveries()...) }),
		"GET /simulator/endings":         shows(func() any { return Endings() }),
		"GET /simulator/recordings":      s.controlRecordings,
		"POST /simulator/masked-call":    s.controlMaskedCall,
		"POST /simulator/notify":         s.controlNotify,
		"POST /simulator/faults":         s.controlFaults,
		"POST /simulator/recording-host": s.controlHost,
		"DELETE /simulator/recording-host": func(w http.ResponseWriter, _ *http.Request) {
			s.ClearRecordingHost()
			w.WriteHeader(http.StatusNoContent)
		},
	}
}

func shows(what func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, what()) }
}

// mountControl adds the control routes, and GET /, which lists them.
func (s *Simulator) mountControl(mux *http.ServeMux) {
	routes := s.controlRoutes()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	mux.HandleFunc("GET /{$}", shows(func() any {
		return map[string]any{
			"about":  "a stand-in for Unifonic: no phone rings. docs/simulator.md says what each route takes",
			"routes": slices.Sorted(maps.Keys(routes)),
		}
	}))
}

// ClearRecordingHost removes every rule, so that endings alone decide.
func (s *Simulator) ClearRecordingHost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordings.rules = nil
	for _, rec := range s.recordings.list {
		clear(rec.spent)
	}
}

func (s *Simulator) controlRecordings(w http.ResponseWriter, _ *http.Request) {
	list, err := s.Recordings()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, http.StatusOK, list)
}

func (s *Simulator) controlMaskedCall(w http.ResponseWriter, r *http.Request) {
	var ask MaskedCall
	if err := decode(w, r, &ask); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	placed, err := s.PlaceMaskedCall(ask)
	switch {
	case errors.Is(err, ErrUnknownMask):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrInactiveMask):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
	default:
		answer(w, http.StatusAccepted, map[string]any{"maskId": ask.MaskID, "calls": placed})
	}
}

// controlNotify relays any body to the webhook, and the webhook's response to the client.
func (s *Simulator) controlNotify(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB")
		return
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" || contentType == "application/x-www-form-urlencoded" {
		contentType = "application/json" // curl's default is not meant
	}
	status, answered, text, err := s.post(r.Context(), body, contentType)
	switch {
	case errors.Is(err, errNoWebhook):
		refuse(w, http.StatusConflict, "no webhook is registered: POST /v1/providers/webhook first")
	case err != nil:
		refuse(w, http.StatusBadGateway, "the webhook could not be reached")
	default:
		if answered != "" {
			w.Header().Set("Content-Type", answered)
		}
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}
}

func (s *Simulator) controlFaults(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Faults
		Target target `json:"target"`
	}
	err := decode(w, r, &body)
	if body.Target == "" {
		body.Target = targetCalls
	}
	if err == nil && body.Target != targetCalls && body.Target != targetMasks {
		err = errors.New("target is calls or masks")
	}
	if err == nil {
		err = s.setFaults(body.Target, body.Faults)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, http.StatusOK, body)
}

func (s *Simulator) controlHost(w http.ResponseWriter, r *http.Request) {
	var body struct {
		HostRule
		ExpiresAfter string `json:"expiresAfter"`
	}
	err := decode(w, r, &body)
	if err == nil && body.ExpiresAfter != "" {
		body.HostRule.ExpiresAfter, err = time.ParseDuration(body.ExpiresAfter)
	}
	if err == nil {
		err = s.SetRecordingHost(body.HostRule)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, http.StatusOK, body)
}
