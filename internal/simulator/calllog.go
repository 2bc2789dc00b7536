package simulator

import (
	"net/http"
	"strconv"
	"strings"
)

// logEntry is a recipient in the call log. Duration is a string and status lower-case, unlike in notifications
// (provider's reference, section 1.4).
type logEntry struct {
	CallID        string  `json:"callId"`
	CallSID       *string `json:"callSid"`
	ParentCallSID *string `json:"parentCallSid"`
	AccountID     string  `json:"accountId"`
	To            string  `json:"to"`
	From          string  `json:"from,omitempty"`
	TimeStamp     any     `json:"timeStamp"`
	ReceivedAt    any     `json:"receivedAt"`
	RecordingURL  string  `json:"recordingUrl"`
	ReferenceID   *string `json:"referenceId,omitempty"`
	Status        string  `json:"status"`
	Duration      string  `json:"duration"`
}

// callLog looks up a callId or, if no call has that id, a referenceId: two documented shapes on one path.
func (s *Simulator) callLog(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.opts.OnLookup != nil {
		if status := s.opts.OnLookup(id); status != 0 {
			refuse(w, status, http.StatusText(status))
			return
		}
	}
	s.mu.Lock()
	body := s.lookUp(id)
	s.mu.Unlock()
	if body == nil {
		refuse(w, http.StatusNotFound, "Call not found")
		return
	}
	answer(w, http.StatusOK, body)
}

// lookUp must be called with the lock held. It returns nil if the log knows nothing.
func (s *Simulator) lookUp(id string) any {
	if q, ok := s.book.requests[id]; ok {
		entries := []logEntry{}
		for _, l := range q.legs {
			entry := s.logEntry(l)
			entry.ReferenceID = orNull(l.referenceID)
			entries = append(entries, entry)
		}
		return map[string]any{"callId": q.callID, "type": q.kind, "retry": nil, "callerId": q.callerID, "recipients": entries}
	}
	if requests := s.book.byReference[id]; len(requests) > 0 {
		entries := []logEntry{}
		for _, q := range requests {
			for _, l := range q.legs {
				entry := s.logEntry(l)
				entry.From = l.from
				entries = append(entries, entry)
			}
		}
		return map[string]any{"referenceId": id, "recipients": entries}
	}
	return nil
}

func (s *Simulator) logEntry(l *leg) logEntry {
	entry := logEntry{CallID: l.callID, CallSID: orNull(l.callSID), ParentCallSID: orNull(l.parentCallSID),
		AccountID: accountID, To: l.to, TimeStamp: "", ReceivedAt: "", Status: strings.ToLower(l.status),
		Duration: strconv.Itoa(l.seconds)}
	if !l.completedAt.IsZero() {
		entry.TimeStamp = wireTime(l.completedAt, false, true)
		entry.ReceivedAt = wireTime(l.completedAt, false, false)
	}
	if l.recording != nil {
		entry.RecordingURL = s.loggedURL(l.recording)
	}
	return entry
}
