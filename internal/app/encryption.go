package app

import (
	"context"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// How often to ask Temporal for the running workers: while it is unavailable, and while some of them keep the gate closed.
const (
	gateAway   = 500 * time.Millisecond
	gateClosed = 10 * time.Second
)

// tryGate checks whether the codec may encrypt and whether workflows may follow today's edition, unless that is settled. It
// returns an error if Temporal is unavailable, or if required keys are missing: then nothing may be sent to Temporal.
func (a *App) tryGate(ctx context.Context) error {
	if a.noKeys != nil {
		return a.noKeys
	}
	a.lookAtAttributes(ctx)
	if a.gateSettled() {
		return nil
	}
	without, err := a.gate.Try(ctx, a.temporal, a.Temporal.Namespace)
	if a.Keys.CanSeal() && len(without) > 0 {
		a.Log.Warn("payloads stay in clear until 5 minutes after the last worker without keys is gone", "workers", without)
	}
	return err
}

func (a *App) gateSettled() bool {
	return a.gate.Current() && a.gate.Minded() && (a.gate.Open() || !a.Keys.CanSeal())
}

// edition returns the edition of the workflows that this process starts: none while a worker that knows no editions may run
// them.
func (a *App) edition() int {
	if !a.gate.Current() {
		return 0
	}
	return contract.Edition
}

// watchGate repeats tryGate until the codec may encrypt.
func (a *App) watchGate(ctx context.Context) {
	for a.askGate(ctx); ctx.Err() == nil && !a.gateSettled(); a.askGate(ctx) {
		pause(ctx, gateClosed)
	}
}

// askGate repeats tryGate until Temporal answers, so that nothing is sent in clear for lack of an answer.
func (a *App) askGate(ctx context.Context) {
	for a.tryGate(ctx) != nil && ctx.Err() == nil {
		pause(ctx, gateAway)
	}
}

// lookAtAttributes finds out, once, whether workflows can be found by a number. If nobody answers it is taken to be so.
func (a *App) lookAtAttributes(ctx context.Context) {
	if a.attributesKnown.Load() {
		return
	}
	if found, err := temporalclient.CheckAttributes(ctx, a.temporal, a.Temporal.Namespace); err == nil {
		a.useAttributes(found)
	}
}

// useAttributes goes by what attributes a namespace has, and says what is lacking.
func (a *App) useAttributes(found temporalclient.Attributes) {
	if len(found.Missing) > 0 || a.attributesKnown.Swap(true) || found.NoParties == "" {
		return
	}
	a.noParties.Store(true)
	a.Log.Warn("workflows are found by no number: aftercall erase opens every one of them instead", "namespace", a.Temporal.Namespace,
		"reason", found.NoParties, "advice", "free a slot, run aftercall setup and start aftercall again")
}
