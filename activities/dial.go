package activities

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// CallCreator is what Dial needs of the provider.
type CallCreator interface {
	CreateCall(ctx context.Context, r unifonic.CreateCallRequest) (unifonic.CreatedCall, error) // *unifonic.CallError
}

// PostClaimer is what Dial needs of the dial ledger: it claims a post of an attempt once, even if the workflow's history
// was restored or forked. It returns the errors of ledger.Ledger.
type PostClaimer interface {
	Claim(ctx context.Context, p ledger.Post) (ledger.Post, error)
}

// Dial is the activity on contract.TaskQueueDial.
type Dial struct {
	API      CallCreator
	Ledger   PostClaimer
	Rules    DialRules
	Clock    *clock.Clock     // nil: this machine's
	Now      func() time.Time // nil: the time by Clock
	refusals refusals
}

// near returns the time by Temporal's clock. since is a recent moment by that clock.
func (a *Dial) near(ctx context.Context, since time.Time) (time.Time, error) {
	if a.Now != nil {
		return a.Now(), nil
	}
	return a.Clock.Near(ctx, since)
}

// PlaceCall asks the provider for one call, at most once. It never fails: it returns calls.PlacementUnknown if the result
// is unclear.
func (a *Dial) PlaceCall(ctx context.Context, in contract.PlaceCallInput) (contract.PlaceCallResult, error) {
	res, ok := fence(ctx, in)
	if ok {
		res, ok = a.due(ctx, in)
	}
	if ok {
		res = a.claimAndPost(ctx, in)
		a.refusals.note(ctx, res)
	}
	res.ClockAhead = a.Clock.Wrong()
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{"placement": string(res.Placement)}).Counter("aftercall_placements").Inc(1)
	return res, nil
}

// fence stops a repetition of an earlier run or try, which may have posted: an operator's reset of the workflow makes a run
// with another id (its input still has the original one), and a reset of the activity makes another try.
func fence(ctx context.Context, in contract.PlaceCallInput) (contract.PlaceCallResult, bool) {
	info := activity.GetInfo(ctx)
	switch {
	case info.WorkflowExecution.RunID != in.OriginalRunID:
		return unknownPlacement("this run was made by a reset: it never dials"), false
	case info.Attempt != 1, activity.HasHeartbeatDetails(ctx):
		return unknownPlacement("an earlier try of this activity may have posted"), false
	}
	return contract.PlaceCallResult{}, true
}

// claimAndPost is the last check, which also knows of posts that this history lacks because it was restored or forked.
// After the claim it checks again what may have changed meanwhile. A claim without a post is used up.
func (a *Dial) claimAndPost(ctx context.Context, in contract.PlaceCallInput) contract.PlaceCallResult {
	claim, err := a.Ledger.Claim(ctx, ledger.Post{Attempt: cmp.Or(in.Former, in.ReferenceID), Number: in.Post, Nonces: in.Claims})
	switch {
	case errors.Is(err, ledger.ErrTaken):
		return unknownPlacement("the dial ledger has a claim of this post that this history lacks: it may have been dialled before a restore or a failover")
	case err != nil:
		activity.GetLogger(ctx).Error("the dial ledger cannot be written: nothing is dialled", "error", err)
		activity.GetMetricsHandler(ctx).Counter("aftercall_dial_ledger_failures").Inc(1)
		res := notPlaced("the dial ledger cannot be written: " + oneLine(err))
		res.Post, res.Claims = claim.Number, claim.Nonces
		return res
	}
	activity.RecordHeartbeat(ctx, "posting") // sends it at once: is this still wanted?
	res, ok := a.due(ctx, in)
	if ok {
		res = a.countAndPost(ctx, in)
	}
	if res.Placement == calls.NotPlaced {
		res.Post = claim.Number + 1
	}
	return res
}

// countAndPost posts, and counts the dial for the called person, unless the provider certainly placed nothing.
func (a *Dial) countAndPost(ctx context.Context, in contract.PlaceCallInput) contract.PlaceCallResult {
	now, err := a.near(ctx, activity.GetInfo(ctx).StartedTime)
	if err != nil {
		return notPlaced("Temporal could not be asked for the time")
	}
	d, uncount, err := a.Rules.count(ctx, in, now)
	switch {
	case err != nil:
		return unruled(ctx, err)
	case !d.Allowed():
		return forbidden(d)
	}
	res := a.post(ctx, in)
	res.Rule = d.Rule
	if res.Placement == calls.NotPlaced {
		uncount()
	}
	return res
}

// unruled returns the result of a dial whose rules cannot be checked: it is retried.
func unruled(ctx context.Context, err error) contract.PlaceCallResult {
	activity.GetLogger(ctx).Error("the rules cannot be checked: nothing is dialled", "error", err)
	activity.GetMetricsHandler(ctx).Counter("aftercall_dial_ledger_failures").Inc(1)
	return notPlaced("the rules cannot be checked: " + oneLine(err))
}

// due reports whether the attempt may still be posted: it is not withdrawn, its time has not passed, and no rule forbids
// it.
func (a *Dial) due(ctx context.Context, in contract.PlaceCallInput) (contract.PlaceCallResult, bool) {
	info := activity.GetInfo(ctx)
	if ctx.Err() != nil {
		return notPlaced("withdrawn before it was posted"), false
	}
	// The wall clock is used, because the monotonic one stops while a machine sleeps. The activity's own deadline is by
	// this machine's clock, the others by Temporal's.
	if !info.Deadline.IsZero() && !time.Now().Round(0).Before(info.Deadline) {
		return unknownPlacement("the worker was delayed too long"), false
	}
	now, err := a.near(ctx, info.StartedTime)
	switch {
	case err != nil:
		return notPlaced("this worker's clock and Temporal's differ, and Temporal could not be asked for the time"), false
	case !now.Before(in.NotAfter):
		return notPlaced("too late: it waited in the dial queue until its time was over"), false
	}
	if h := in.Request.CallingHours; h != nil {
		w, err := outbound.NextWindow(*h, now)
		if err != nil {
			return notPlaced("the calling hours cannot be read"), false
		}
		if !w.Contains(now) {
			return forbidden(rules.Decision{Rule: calls.RuleCallingHours, Until: w.OpenAt, Reason: "outside the calling hours"}), false
		}
	}
	d, err := a.Rules.decide(ctx, in, now)
	if err != nil {
		return unruled(ctx, err), false
	}
	if !d.Allowed() {
		d.Until = askAgain(d, in.Request.Deadline, now)
		return forbidden(d), false
	}
	return contract.PlaceCallResult{}, true
}

// suppressedFor is after what time a dial that a suppression postpones is tried again: it may have been lifted meanwhile.
const suppressedFor = time.Hour

// askAgain returns when a dial that is forbidden now may be allowed. One that is forbidden until its deadline is over is
// refused at once.
func askAgain(d rules.Decision, deadline string, now time.Time) time.Time {
	soon := now.Add(suppressedFor)
	if d.Rule != calls.RuleSuppressed || !d.Until.After(soon) {
		return d.Until
	}
	if over, err := time.Parse(time.RFC3339, deadline); err == nil && !d.Until.Before(over) {
		return d.Until
	}
	return soon
}

// post ignores cancellation from here on: an interrupted request is an unknown placement.
func (a *Dial) post(ctx context.Context, in contract.PlaceCallInput) contract.PlaceCallResult {
	r := in.Request
	req := unifonic.CreateCallRequest{
		To: r.To, CallerID: in.CallerID, SecondaryCallerID: in.SecondaryCallerID, Type: r.Type, IVR: r.IVR,
		AudioID: r.AudioID, CallRecording: r.CallRecording, Expiry: r.Expiry, ReferenceID: in.ReferenceID,
	}
	if r.TTS != nil {
		req.TTS = &unifonic.TTS{Language: r.TTS.Language, Voice: r.TTS.Voice, Text: r.TTS.Text}
	}
	if r.OTP != nil {
		req.OTP = &unifonic.OTP{Language: r.OTP.Language, Code: r.OTP.Code, Loop: r.OTP.Loop, AudioURL: r.OTP.AudioURL}
	}
	ctx = context.WithoutCancel(ctx)
	if d := activity.GetInfo(ctx).Deadline; !d.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d)
		defer cancel()
	}
	created, err := a.API.CreateCall(ctx, req)
	if err == nil && created.CallID != "" {
		return contract.PlaceCallResult{Placement: calls.Placed, CallID: created.CallID}
	}
	return verdict(err)
}

// verdict returns the result of a request that did not plainly succeed.
func verdict(err error) contract.PlaceCallResult {
	e, ok := errors.AsType[*unifonic.CallError](err)
	switch {
	case err == nil:
		return unknownPlacement("the provider accepted, but returned no callId")
	case !ok:
		return unknownPlacement("the provider client failed")
	case e.Verdict != unifonic.VerdictNotPlaced:
		return unknownPlacement(e.Error())
	}
	res := notPlaced(e.Error())
	res.Final, res.RetryAfter, res.Refusal = e.Final, e.RetryAfter, string(e.Refusal)
	if advice := settingAdvice(e.Refusal); advice != "" {
		res.Reason = advice + "; " + res.Reason
	}
	return res
}

// oneLine returns an error's text on one short line.
func oneLine(err error) string {
	line := strings.Join(strings.Fields(err.Error()), " ")
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return line
}

func notPlaced(reason string) contract.PlaceCallResult {
	return contract.PlaceCallResult{Placement: calls.NotPlaced, Reason: reason}
}

func unknownPlacement(reason string) contract.PlaceCallResult {
	return contract.PlaceCallResult{Placement: calls.PlacementUnknown, Reason: reason}
}
