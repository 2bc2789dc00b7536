package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	maskLifetime = 24 * time.Hour // in real time: it is only reported, not waited for
	maskTime     = time.DateTime  // no zone; UTC here
)

// Mask is a number masking session.
type Mask struct {
	MaskID    string
	CallerID  string // the masking number
	From, To  string // From is empty for a one-way session
	CreatedAt time.Time
	Inactive  bool

	recordings []*recording
	listed     map[*recording]string // URLs in the list that have another path
}

// maskBook holds the provider's knowledge of masking sessions.
type maskBook struct {
	list  []*Mask
	byID  map[string]*Mask
	tries map[string]int
}

func newMaskBook() maskBook { return maskBook{byID: map[string]*Mask{}, tries: map[string]int{}} }

// maskRoutes serves the paths of the guide and of the OpenAPI document, which differ (provider's reference, 1.5).
func (s *Simulator) maskRoutes(api func(string, http.HandlerFunc)) {
	only := func(document, pattern string, h http.HandlerFunc) {
		if s.opts.MaskPaths == "" || s.opts.MaskPaths == document {
			api(pattern, h)
		}
	}
	api("GET /v1/providers/masks", s.listMasks)
	api("GET /v1/providers/masks/recording-urls/{maskId}", s.maskRecordings)
	api("POST /v1/providers/masks", func(w http.ResponseWriter, r *http.Request) {
		s.createMask(w, r, s.opts.MaskPaths == "openapi", false)
	})
	only("openapi", "POST /v1/providers/config/masks", func(w http.ResponseWriter, r *http.Request) {
		s.createMask(w, r, false, true)
	})
	only("guide", "GET /v1/providers/masks/{maskId}", s.showMask)
	only("guide", "DELETE /v1/providers/masks/{maskId}", s.deleteMask)
	only("openapi", "GET /v1/providers/{maskId}", s.showMask)
	only("openapi", "DELETE /v1/providers/{maskId}", s.deleteMask)
}

// Masks returns every masking session, oldest first.
func (s *Simulator) Masks() []Mask {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Mask
	for _, m := range s.masks.list {
		list = append(list, Mask{MaskID: m.MaskID, CallerID: m.CallerID, From: m.From, To: m.To, CreatedAt: m.CreatedAt, Inactive: !m.active()})
	}
	return list
}

func (s *Simulator) createMask(w http.ResponseWriter, r *http.Request, needsFrom, oneWay bool) {
	var body struct{ From, To string }
	if err := decode(w, r, &body); err != nil {
		refuseBody(w, []string{err.Error()})
		return
	}
	var problems []string
	if !e164.MatchString(body.To) {
		problems = append(problems, "to is not a phone number in E.164")
	}
	if (needsFrom || body.From != "") && !e164.MatchString(body.From) {
		problems = append(problems, "from is not a phone number in E.164")
	}
	if oneWay && body.From != "" {
		problems = append(problems, "from does not belong to a one-way session")
	}
	if problems != nil {
		refuseBody(w, problems)
		return
	}
	fault := s.judgeMask(body.From, body.To)
	if fault.refuses() {
		fault.refuse(w)
		return
	}
	s.mu.Lock()
	m := &Mask{MaskID: s.ids.next(), CallerID: s.opts.MaskingNumber, From: body.From, To: body.To,
		CreatedAt: time.Now().UTC(), listed: map[*recording]string{}}
	s.masks.list = append(s.masks.list, m)
	s.masks.byID[m.MaskID] = m
	wire := m.wire()
	s.mu.Unlock()
	s.log.Info("mask created", "maskId", m.MaskID, "to", masked(m.To))
	s.answerAccepted(w, r, fault, wire)
}

// judgeMask is judgeCall without endings.
func (s *Simulator) judgeMask(from, to string) Fault {
	post := Post{To: to, CallerID: from, At: time.Now().UTC()}
	s.mu.Lock()
	s.masks.tries[from+" "+to]++
	post.Try = s.masks.tries[from+" "+to]
	s.mu.Unlock()
	if s.opts.OnMaskPost != nil {
		if fault := s.opts.OnMaskPost(post); fault != FaultNone {
			return fault
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults[targetMasks].pick(post)
}

func (m *Mask) active() bool { return !m.Inactive && time.Since(m.CreatedAt) < maskLifetime }

func (m *Mask) wire() map[string]any {
	status, from, expiry := "inactive", "null", m.CreatedAt.Add(maskLifetime).Format(maskTime)
	if m.active() {
		status = "active"
	}
	if m.From != "" {
		from = m.From
	}
	return map[string]any{"maskId": m.MaskID, "callerId": m.CallerID, "secondaryCallerId": nil, "status": status,
		"timeCreation": m.CreatedAt.Format(maskTime), "timeDeactivation": expiry, "timeExpiry": expiry,
		"requestBody": fmt.Sprintf("MaskRequest(from=%s, to=%s)", from, m.To), "from": orNull(m.From), "to": m.To}
}

func (s *Simulator) listMasks(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	from, fromErr := maskFilter(query.Get("fromDate"))
	to, toErr := maskFilter(query.Get("toDate"))
	sort := query.Get("sort")
	if (sort != "asc" && sort != "desc") || fromErr != nil || toErr != nil {
		refuseBody(w, []string{"sort must be asc or desc; dates are written YYYY-MM-DD hh:mm:ss"})
		return
	}
	content := []map[string]any{}
	s.mu.Lock()
	for _, m := range s.masks.list {
		wire, created := m.wire(), m.CreatedAt.Truncate(time.Second)
		if status := query.Get("status"); status != "" && status != wire["status"] {
			continue
		}
		if (!from.IsZero() && created.Before(from)) || (!to.IsZero() && created.After(to)) {
			continue
		}
		content = append(content, wire)
	}
	s.mu.Unlock()
	if sort == "desc" {
		slices.Reverse(content)
	}
	answer(w, http.StatusOK, map[string]any{"content": content})
}

func maskFilter(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(maskTime, text)
}

// withMask runs f, under the lock, on the mask in the path.
func (s *Simulator) withMask(w http.ResponseWriter, r *http.Request, f func(*Mask) (status int, body any)) {
	s.mu.Lock()
	m, found := s.masks.byID[r.PathValue("maskId")]
	status, body := http.StatusNotFound, any(map[string]string{"message": "Mask not found"})
	if found {
		status, body = f(m)
	}
	s.mu.Unlock()
	if body == nil {
		w.WriteHeader(status)
		return
	}
	answer(w, status, body)
}

func (s *Simulator) showMask(w http.ResponseWriter, r *http.Request) {
	s.withMask(w, r, func(m *Mask) (int, any) { return http.StatusOK, m.wire() })
}

func (s *Simulator) deleteMask(w http.ResponseWriter, r *http.Request) {
	s.withMask(w, r, func(m *Mask) (int, any) {
		m.Inactive = true
		return http.StatusNoContent, nil
	})
}

// maskRecordings lists the session's recordings without saying which call each belongs to. It lists dead links afresh.
func (s *Simulator) maskRecordings(w http.ResponseWriter, r *http.Request) {
	s.withMask(w, r, func(m *Mask) (int, any) {
		urls := []string{}
		for _, rec := range m.recordings {
			if other, ok := m.listed[rec]; ok {
				urls = append(urls, other)
				continue
			}
			urls = append(urls, s.freshURL(rec))
		}
		return http.StatusOK, map[string]any{"status": "success", "recordingUrls": urls}
	})
}
