package app

import (
	"context"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// How often Temporal is asked which workers run: while it is away, and while some run that keep the gate closed.
const (
	gateAway   = 500 * time.Millisecond
	gateClosed = 10 * time.Second
)

// tryGate asks whether the codec may encrypt and whether workflows may follow today's edition, unless that is settled. The
// error says that Temporal could not be asked, or why there is nothing to encrypt with although there should be: nothing
// goes to Temporal then.
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

// edition is what the workflows follow that this process starts: none while a worker may have them that knows of none.
func (a *App) edition() int {
	if !a.gate.Current() {
		return 0
	}
	return contract.Edition
}

// watchGate goes on asking until the codec may encrypt.
func (a *App) watchGate(ctx context.Context) {
	for a.askGate(ctx); ctx.Err() == nil && !a.gateSettled(); a.askGate(ctx) {
		pause(ctx, gateClosed)
	}
}

// askGate asks until there is an answer, so that nothing goes to Temporal in clear only because it was not asked yet.
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
