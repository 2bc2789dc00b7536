package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/masking"
)

// Bounds of what a session remembers, so that its state stays far below Temporal's limit of 2 MiB for a payload.
const (
	maxBookSize           = 900 << 10 // bytes of JSON
	maxSessionSubscribers = 100
	maxSessionNotified    = 50
	maxSessionRecordings  = 300
	maxSessionMarks       = 8_000
)

// MaskingSessionRun is the input of a run of MaskingSession. Starters of a session send a MaskingSessionInput;
// ContinueAsNew adds Carry.
type MaskingSessionRun struct {
	contract.MaskingSessionInput
	Carry *MaskingCarry `json:"carry,omitempty"`
}

// MaskingCarry is everything that a session remembers. It holds phone numbers.
type MaskingCarry struct {
	Book        masking.Book          `json:"book"`
	Opened      *contract.MaskOpened  `json:"opened,omitempty"`
	StartedAt   time.Time             `json:"startedAt"`
	LastLegAt   time.Time             `json:"lastLegAt"` // when a leg last changed
	Closing     bool                  `json:"closing,omitempty"`
	ClosedAt    *time.Time            `json:"closedAt,omitempty"` // when the mask was deactivated
	Revision    int                   `json:"revision"`
	Subscribers []calls.Subscription  `json:"subscribers,omitempty"`
	Fresh       []calls.Subscription  `json:"fresh,omitempty"` // new subscribers
	Told        map[string]int        `json:"told,omitempty"`  // revision last told, by outcomeID
	Late        []calls.Outcome       `json:"late,omitempty"`  // still to tell, of calls that were folded away
	Summary     *calls.MaskingSummary `json:"summary,omitempty"`
	Notified    []calls.Notified      `json:"notified,omitempty"`
	Recordings  []calls.Recording     `json:"recordings,omitempty"` // of the session
	Marks       []string              `json:"marks,omitempty"`      // masking.RecordingMark of those
	Unlisted    *time.Time            `json:"unlisted,omitempty"`   // first connection since recordings were last listed
	ListedAt    *time.Time            `json:"listedAt,omitempty"`
	Alarm       bool                  `json:"alarm,omitempty"`   // recordings may be lost
	Parties     []string              `json:"parties,omitempty"` // keyed hashes of the numbers
}

// MaskingSessionWorkflow is the life of a masking session, from its creation or its first leg until 24 hours and grace
// have passed after the last one, or until it was closed and its calls are settled. It returns the session's story.
func MaskingSessionWorkflow(ctx workflow.Context, in MaskingSessionRun) (calls.MaskingSessionState, error) {
	m := newMaskingSession(ctx, in)
	if err := m.handle(ctx); err != nil {
		return calls.MaskingSessionState{}, err
	}
	return m.run(ctx)
}

// maskingSession is a run of MaskingSessionWorkflow.
type maskingSession struct {
	in       contract.MaskingSessionInput
	edition  edition
	carry    MaskingCarry
	story    []calls.MaskedCall
	received int    // signals in this run
	reacted  bool   // this run has told what it has received
	dirty    bool   // something changed beside the signals
	reason   string // why the session has ended, if not by time
	sweep    sweep
	closing  closing
	alarm    alarm
	pairing  alarm // until a leg has waited long enough for its other one

	update                 contract.Received[calls.CallState]
	opened                 contract.Received[contract.MaskOpened]
	subscribe, unsubscribe contract.Received[calls.Subscription]
	recording              contract.Received[calls.Recording]
}

func newMaskingSession(ctx workflow.Context, in MaskingSessionRun) *maskingSession {
	in.Settings = in.Settings.WithDefaults()
	now := workflow.Now(ctx).UTC()
	m := &maskingSession{
		in: in.MaskingSessionInput, edition: editionOf(ctx, in.Edition, changeMaskingRules, 1), carry: MaskingCarry{StartedAt: now, LastLegAt: now},
		update:      contract.SignalCallUpdate.Receive(ctx),
		opened:      contract.SignalMaskOpened.Receive(ctx),
		subscribe:   contract.SignalSubscribe.Receive(ctx),
		unsubscribe: contract.SignalUnsubscribe.Receive(ctx),
		recording:   contract.SignalRecording(calls.SessionCallKey(in.Key())).Receive(ctx),
	}
	if in.Carry != nil {
		m.carry = *in.Carry
	}
	if m.carry.Told == nil {
		m.carry.Told = map[string]int{}
	}
	m.carry.Book.MaskID, m.carry.Book.Literal = in.MaskID, !m.edition.since(ctx, changeMaskingRules)
	m.story = m.carry.Book.Story()
	return m
}

// handle sets the query and the update handlers.
func (m *maskingSession) handle(ctx workflow.Context) error {
	if err := contract.QueryMaskingSession.Answer(ctx, func() calls.MaskingSessionState { return m.state(ctx) }); err != nil {
		return err
	}
	return contract.UpdateClose.Handle(ctx, "", nil, m.close)
}

// run reads the signals, reacts, and waits, until the session is over. It returns only after an empty drain, when all
// handlers have finished and nothing has yielded since.
func (m *maskingSession) run(ctx workflow.Context) (calls.MaskingSessionState, error) {
	m.alarm.single = m.edition < 1
	m.alarm.why = "until the session expires, or the workflow is closed"
	m.pairing.why = "until a leg that is alone is told as it is"
	defer func() { m.alarm.rest() }()
	for {
		m.dirty = false
		m.drain(ctx)
		m.retell(ctx)
		idle := workflow.AllHandlersFinished(ctx)
		if m.reacted && idle && m.full(ctx) { // before anything yields: signals may come without a pause
			return m.state(ctx), workflow.NewContinueAsNewError(ctx, contract.WorkflowMaskingSession.Name, m.next())
		}
		m.reacted = true
		if m.react(ctx) || m.pending() || (idle && m.full(ctx)) {
			continue
		}
		now := workflow.Now(ctx)
		over := m.over(now)
		if over && idle {
			return m.state(ctx), nil
		}
		m.setAlarms(ctx, now)
		if err := workflow.Await(ctx, func() bool { return m.awake(ctx, over) }); err != nil {
			return m.leave(ctx, err)
		}
	}
}

// awake reports whether the wait is to end.
func (m *maskingSession) awake(ctx workflow.Context, over bool) bool {
	return m.pending() || m.dirty || m.alarm.rang() || m.pairing.rang() || ((over || m.full(ctx)) && workflow.AllHandlersFinished(ctx))
}

// leave ends a cancelled run. It first reads every received signal and tells subscribers the end.
func (m *maskingSession) leave(ctx workflow.Context, err error) (calls.MaskingSessionState, error) {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	m.reason = calls.MaskingEndedCancelled
	for {
		m.drain(disconnected)
		m.retell(disconnected)
		if !m.react(disconnected) && !m.pending() {
			return m.state(disconnected), err
		}
	}
}

// full reports whether the session should continue as new.
func (m *maskingSession) full(ctx workflow.Context) bool {
	return m.received >= m.in.Settings.SignalsPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// next returns the input of the next run, which repeats what was under way beside the main loop.
func (m *maskingSession) next() MaskingSessionRun {
	if m.sweep.running && m.carry.Unlisted == nil {
		m.carry.Unlisted = &m.sweep.from
	}
	return MaskingSessionRun{MaskingSessionInput: m.in, Carry: &m.carry}
}

// pending reports whether a signal waits.
func (m *maskingSession) pending() bool {
	return m.update.Len()+m.opened.Len()+m.subscribe.Len()+m.unsubscribe.Len()+m.recording.Len() > 0
}

// drain reads every signal that has arrived. It never yields.
func (m *maskingSession) drain(ctx workflow.Context) {
	for o := range m.opened.Drain() {
		m.received++
		m.adopt(ctx, o)
	}
	for s := range m.update.Drain() {
		m.received++
		m.hear(ctx, s)
	}
	for s := range m.subscribe.Drain() {
		m.received++
		m.addSubscriber(s)
	}
	for s := range m.unsubscribe.Drain() {
		m.received++
		m.removeSubscriber(s)
	}
	for r := range m.recording.Drain() {
		m.received++
		m.refreshRecording(ctx, r)
	}
}

// hear takes a call's state.
func (m *maskingSession) hear(ctx workflow.Context, s calls.CallState) {
	now := workflow.Now(ctx).UTC()
	m.carry.Parties = contract.JoinParties(m.carry.Parties, s.Parties)
	switch m.carry.Book.Apply(s, now) {
	case masking.Nothing:
		return
	case masking.TooLate:
		outbound := slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return l.Direction != calls.DirectionInbound })
		if s.Outcome != nil && outbound {
			m.carry.Late = append(m.carry.Late, *s.Outcome)
		}
		return
	case masking.LegMoved:
		m.carry.LastLegAt = now
		spoke := slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return l.Status.Human() })
		if spoke && m.carry.Unlisted == nil {
			m.carry.Unlisted = &now
		}
	}
	m.carry.Revision++
}

// adopt takes over what is known of a mask that we opened. The first request keeps the session.
func (m *maskingSession) adopt(ctx workflow.Context, o contract.MaskOpened) {
	if o.Notify != nil {
		m.addSubscriber(calls.Subscription{WorkflowID: o.Notify.WorkflowID})
	}
	m.carry.Parties = contract.JoinParties(m.carry.Parties, o.Parties)
	if m.carry.Opened != nil {
		return
	}
	m.carry.Opened, m.carry.Book.Number = &o, o.MaskingNumber
	m.carry.Revision++
	if o.ReferenceID == "" {
		return
	}
	writeAttributes(ctx, append(contract.PartyAttribute(m.carry.Parties), calls.AttributeReferenceID.ValueSet(o.ReferenceID))...)
}

// writeParties writes the hashes of numbers that the session was not started with. A session that we opened knows its
// numbers from the start.
func (m *maskingSession) writeParties(ctx workflow.Context) {
	written, _ := workflow.GetTypedSearchAttributes(ctx).GetKeywordList(calls.AttributePartyHash)
	if !slices.Equal(written, m.carry.Parties) && since(ctx, changePartiesAlone) {
		writeAttributes(ctx, contract.PartyAttribute(m.carry.Parties)...)
	}
}

// retell computes the story again, and folds its oldest calls if there are too many.
func (m *maskingSession) retell(ctx workflow.Context) {
	now := workflow.Now(ctx)
	story := m.carry.Book.Story()
	settled := func(c calls.MaskedCall) bool { return m.settled(c, now) }
	stay, gone := m.carry.Book.Fold(story, m.in.Settings.KeepCalls, maxBookSize, settled)
	m.story = stay
	for _, c := range gone {
		id := outcomeID(c)
		if c.Outcome != nil && m.carry.Told[id] < c.Outcome.Revision {
			m.carry.Late = append(m.carry.Late, *c.Outcome)
		}
		delete(m.carry.Told, id)
	}
}

// complete reports whether a masked call has its other leg, or has waited for it long enough.
func (m *maskingSession) complete(c calls.MaskedCall, now time.Time) bool {
	return c.Pairing == calls.PairingPaired || !now.Before(m.pairedBy(c))
}

func (m *maskingSession) pairedBy(c calls.MaskedCall) time.Time {
	return m.carry.Book.Changed(c).Add(m.in.Settings.PairingWindow)
}

// settled reports whether a masked call can no longer change by itself.
func (m *maskingSession) settled(c calls.MaskedCall, now time.Time) bool {
	return m.complete(c, now) && m.carry.Book.Final(c)
}

func (m *maskingSession) allSettled(now time.Time) bool {
	return !slices.ContainsFunc(m.story, func(c calls.MaskedCall) bool { return !m.settled(c, now) })
}

// expiry returns when the session ends by itself.
func (m *maskingSession) expiry() time.Time {
	return m.carry.LastLegAt.Add(calls.MaskingLifetime + m.in.Settings.Grace)
}

// quietAt returns when a closed session has been silent for long enough.
func (m *maskingSession) quietAt() time.Time {
	last := m.carry.LastLegAt
	if m.carry.ClosedAt != nil && m.carry.ClosedAt.After(last) {
		last = *m.carry.ClosedAt
	}
	return last.Add(m.in.Settings.PairingWindow)
}

// ended returns why the session has ended, or "".
func (m *maskingSession) ended(now time.Time) string {
	switch {
	case m.reason != "":
		return m.reason
	case !now.Before(m.expiry()):
		return calls.MaskingEndedExpired
	case m.carry.ClosedAt != nil && m.allSettled(now):
		return calls.MaskingEndedClosed
	default:
		return ""
	}
}

// over reports whether the session has nothing left to do.
func (m *maskingSession) over(now time.Time) bool {
	if m.ended(now) == "" || m.sweep.running || m.carry.Unlisted != nil {
		return false
	}
	quiet := !now.Before(m.quietAt()) || !now.Before(m.expiry())
	return quiet && !now.Before(m.recordingsAt())
}

// setAlarms sets the alarms to when time alone will change something.
func (m *maskingSession) setAlarms(ctx workflow.Context, now time.Time) {
	ends, pairings := []time.Time{m.expiry(), m.recordingsAt()}, []time.Time(nil)
	if m.carry.ClosedAt != nil {
		ends = append(ends, m.quietAt())
	}
	if !m.sweep.running && m.carry.Unlisted != nil {
		ends = append(ends, m.sweepAt())
	}
	for _, c := range m.story {
		if !m.complete(c, now) {
			pairings = append(pairings, m.pairedBy(c))
		}
	}
	if m.edition < 1 {
		setFirst(ctx, now, (*alarm).set, &m.alarm, append(ends, pairings...))
		return
	}
	setFirst(ctx, now, (*alarm).by, &m.alarm, ends) // each leg moves it
	setFirst(ctx, now, (*alarm).set, &m.pairing, pairings)
}

// setFirst sets an alarm to the first of some times that has not passed, or stops it.
func setFirst(ctx workflow.Context, now time.Time, how func(*alarm, workflow.Context, time.Time), a *alarm, at []time.Time) {
	at = slices.DeleteFunc(at, func(t time.Time) bool { return !t.After(now) })
	if len(at) == 0 {
		a.stop()
		return
	}
	how(a, ctx, slices.MinFunc(at, time.Time.Compare))
}

// state returns the session's state, as queries and signals carry it.
func (m *maskingSession) state(ctx workflow.Context) calls.MaskingSessionState {
	s := calls.MaskingSessionState{
		MaskID: m.in.MaskID, WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, State: calls.MaskingOpen,
		Calls: m.story, Recordings: m.carry.Recordings, Earlier: m.carry.Book.Earlier, Revision: m.carry.Revision,
		Notified: m.carry.Notified, Subscribers: m.carry.Subscribers,
	}
	if m.carry.ClosedAt != nil || m.ended(workflow.Now(ctx)) != "" {
		s.State = calls.MaskingClosed
	}
	if o := m.carry.Opened; o != nil {
		s.MaskingNumber, s.From, s.To, s.ReferenceID = o.MaskingNumber, o.From, o.To, o.ReferenceID
		expires := o.CreatedAt.Add(calls.MaskingLifetime)
		s.ExpiresAt = &expires
	}
	if m.carry.Alarm {
		s.Attention = []string{calls.AttentionRecordingAlarm}
	}
	return s
}
