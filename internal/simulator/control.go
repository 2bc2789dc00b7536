package simulator

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// controlRoutes serve whoever tests; they ask no credentials.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /simulator/calls", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, append([]Call{}, s.Calls()...))
	})
	mux.HandleFunc("GET /simulator/posts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, append([]Post{}, s.Posts()...))
	})
	mux.HandleFunc("GET /simulator/notifications", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, append([]Delivery{}, s.Deliveries()...))
	})
	mux.HandleFunc("GET /simulator/recordings", s.controlRecordings)
	mux.HandleFunc("GET /simulator/endings", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, Endings())
	})
	mux.HandleFunc("POST /simulator/masked-call", s.controlMaskedCall)
	mux.HandleFunc("POST /simulator/notify", s.controlNotify)
	mux.HandleFunc("POST /simulator/faults", s.controlFaults)
	mux.HandleFunc("POST /simulator/recording-host", s.controlHost)
	mux.HandleFunc("DELETE /simulator/recording-host", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearRecordingHost()
		w.WriteHeader(http.StatusNoContent)
	})
}

// ClearRecordingHost forgets every rule, so that endings alone decide.
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

// controlNotify relays any body to the webhook, and the webhook's answer to whoever asked.
func (s *Simulator) controlNotify(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB")
		return
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" || contentType == "application/x-www-form-urlencoded" {
		contentType = "application/json" // what curl sends unasked is not meant
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
