package app

import (
	"context"
	"time"
)

// How often Temporal is asked whether the codec may encrypt: while it is away, and while workers without keys run.
const (
	gateAway   = 500 * time.Millisecond
	gateClosed = 10 * time.Second
)

// tryGate asks whether the codec may encrypt, unless that is settled. The error says that Temporal could not be asked, or
// why there is nothing to encrypt with although there should be: nothing goes to Temporal then.
func (a *App) tryGate(ctx context.Context) error {
	if a.noKeys != nil {
		return a.noKeys
	}
	if !a.Keys.CanSeal() || a.gate.Open() {
		return nil
	}
	without, err := a.gate.Try(ctx, a.temporal, a.Temporal.Namespace)
	if len(without) > 0 {
		a.Log.Warn("payloads stay in clear until 5 minutes after the last worker without keys is gone", "workers", without)
	}
	return err
}

// watchGate goes on asking until the codec may encrypt.
func (a *App) watchGate(ctx context.Context) {
	for a.askGate(ctx); ctx.Err() == nil && !a.gate.Open(); a.askGate(ctx) {
		pause(ctx, gateClosed)
	}
}

// askGate asks until there is an answer, so that nothing goes to Temporal in clear only because it was not asked yet.
func (a *App) askGate(ctx context.Context) {
	for a.tryGate(ctx) != nil && ctx.Err() == nil {
		pause(ctx, gateAway)
	}
}
