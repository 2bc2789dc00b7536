package simulator

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// Call is a phone call that the provider accepted: one per recipient.
type Call struct {
	ReferenceID       string    `json:"referenceId"`
	CallID            string    `json:"callId"`
	To                string    `json:"to"`
	CallerID          string    `json:"callerId"`
	SecondaryCallerID string    `json:"secondaryCallerId,omitempty"`
	At                time.Time `json:"at"`
}

// Post is a request to create a call or a masking session, accepted or not.
type Post struct {
	ReferenceID string    `json:"referenceId"`
	To          string    `json:"to"`
	CallerID    string    `json:"callerId"`
	At          time.Time `json:"at"`
	// Try counts the requests with the same referenceId, recipient and caller ID, from 1.
	Try int `json:"try"`
	// Fault is the fault of the request; empty for a plain acceptance.
	Fault Fault `json:"fault,omitempty"`
}

// leg is one line to one party, as notifications and call log entries describe it.
type leg struct {
	callID, callSID, parentCallSID, uniqueCallID, externalCallsID string
	from, to, direction, useCase, maskID, referenceID, secondary  string
	status, reason                                                string
	seconds                                                       int
	quoted, wholeSeconds                                          bool // how times are written
	requestedAt, initiatedAt, completedAt                         time.Time
	recording                                                     *recording
	nth                                                           int // number of the call within its story, from 1
}

// request is one accepted POST with all its legs.
type request struct {
	callID, referenceID, kind, callerID, secondary string
	recorded                                       bool
	at                                             time.Time
	legs                                           []*leg
	calls                                          []Call // those that acceptance made; failover legs add none
}

// book holds the provider's knowledge of outbound calls.
type book struct {
	calls       []Call
	posts       []Post
	requests    map[string]*request
	byReference map[string][]*request
	primary     map[string]string // first caller ID by story
	placed      map[string]int    // accepted calls by story
	tries       map[string]int
	refused     map[string]int
}

func newBook() book {
	return book{requests: map[string]*request{}, byReference: map[string][]*request{}, primary: map[string]string{},
		placed: map[string]int{}, tries: map[string]int{}, refused: map[string]int{}}
}

// callRequest is the documented body of POST /v1/calls, as far as it matters here (provider's reference, section 1.2).
type callRequest struct {
	Recipient         []string `json:"recipient"`
	CallerID          string   `json:"callerId"`
	Type              string   `json:"type"`
	SecondaryCallerID string   `json:"secondaryCallerId"`
	CallRecording     bool     `json:"callRecording"`
	ReferenceID       string   `json:"referenceId"`
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (c callRequest) problems() []string {
	var found []string
	if len(c.Recipient) == 0 {
		found = append(found, "recipient is required")
	}
	for i, to := range c.Recipient {
		if !e164.MatchString(to) {
			found = append(found, fmt.Sprintf("recipient[%d] is not a phone number in E.164", i))
		}
	}
	if c.CallerID == "" {
		found = append(found, "callerId is required")
	}
	if !slices.Contains([]string{"ivr", "audioUrl", "otp", "tts"}, c.Type) {
		found = append(found, "type is not one of ivr, audioUrl, otp, tts")
	}
	return found
}

// Calls returns every accepted call, oldest first.
func (s *Simulator) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.book.calls)
}

// Posts returns every well-formed request to create a call, accepted or not, oldest first.
func (s *Simulator) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.book.posts)
}

func (s *Simulator) createCall(w http.ResponseWriter, r *http.Request) {
	var body callRequest
	if err := decode(w, r, &body); err != nil {
		refuseBody(w, []string{err.Error()})
		return
	}
	if problems := body.problems(); problems != nil {
		refuseBody(w, problems)
		return
	}
	fault := s.judgeCall(body)
	if fault.refuses() {
		fault.refuse(w)
		return
	}
	accepted := s.accept(body)
	early := s.play(accepted, fault)
	if s.opts.OnCallAccepted != nil {
		for _, call := range accepted.calls {
			s.opts.OnCallAccepted(call)
		}
	}
	s.await(r, early)
	s.answerAccepted(w, r, fault, map[string]string{
		"callId": accepted.callID, "status": "Request has been sent.", "referenceId": accepted.referenceID,
	})
}

// await blocks until done is closed. It returns at once if done is nil.
func (s *Simulator) await(r *http.Request, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

// judgeCall records the POST and chooses its fault: the hook first, then chance, then the number's ending.
func (s *Simulator) judgeCall(body callRequest) Fault {
	post := Post{ReferenceID: body.ReferenceID, To: body.Recipient[0], CallerID: body.CallerID, At: time.Now().UTC()}
	s.mu.Lock()
	key := body.ReferenceID + " " + post.To + " " + post.CallerID
	s.book.tries[key]++
	post.Try = s.book.tries[key]
	s.mu.Unlock()

	if s.opts.OnPost != nil {
		post.Fault = s.opts.OnPost(post)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if post.Fault == FaultNone {
		post.Fault = s.faults[targetCalls].pick(post)
	}
	if post.Fault == FaultNone {
		post.Fault = s.endingFault(body)
	}
	s.book.posts = append(s.book.posts, post)
	return post.Fault
}

// endingFault must be called with the lock held.
func (s *Simulator) endingFault(body callRequest) Fault {
	e := s.endingOf(body.Recipient[0])
	if e.times == 0 {
		return e.api
	}
	key := body.ReferenceID
	if key == "" {
		key = body.Recipient[0]
	}
	if s.book.refused[key] >= e.times {
		return FaultNone
	}
	s.book.refused[key]++
	return e.api
}

// accept writes the calls into the book. From here on they exist, whatever response the client gets.
func (s *Simulator) accept(body callRequest) *request {
	now := time.Now().UTC()
	accepted := &request{callID: s.ids.next(), referenceID: body.ReferenceID, kind: body.Type, callerID: body.CallerID,
		secondary: body.SecondaryCallerID, recorded: body.CallRecording, at: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range body.Recipient {
		l := accepted.newLeg(body.CallerID, to, now)
		accepted.legs = append(accepted.legs, l)
		accepted.calls = append(accepted.calls, Call{ReferenceID: body.ReferenceID, CallID: accepted.callID, To: to,
			CallerID: body.CallerID, SecondaryCallerID: body.SecondaryCallerID, At: now})
		key := story(body.ReferenceID, to)
		if _, seen := s.book.primary[key]; !seen {
			s.book.primary[key] = body.CallerID
		}
		s.book.placed[key]++
		l.nth = s.book.placed[key]
	}
	s.book.requests[accepted.callID] = accepted
	if body.ReferenceID != "" {
		s.book.byReference[body.ReferenceID] = append(s.book.byReference[body.ReferenceID], accepted)
	}
	s.book.calls = append(s.book.calls, accepted.calls...)
	s.log.Info("call accepted", "callId", accepted.callID, "to", masked(body.Recipient[0]), "from", masked(body.CallerID))
	return accepted
}

func (q *request) newLeg(from, to string, at time.Time) *leg {
	useCase := map[string]string{"ivr": "IVR", "tts": "TTS", "otp": "OTP", "audioUrl": "AUDIO_URL"}[q.kind]
	return &leg{callID: q.callID, from: from, to: to, direction: "OUTBOUND", useCase: useCase, status: queued,
		referenceID: q.referenceID, secondary: q.secondary, requestedAt: q.at, initiatedAt: at}
}
