package doctor

import (
	"context"
	"errors"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/ledger"
)

// dialling reports the rate of dialling, or who has stopped it. A stop is no fault: somebody chose it.
func (d doctor) dialling(ctx context.Context) (string, error) {
	s, err := dialqueue.Queue{Client: d.client, Namespace: d.Temporal.Namespace}.Status(ctx)
	if desk.Means(err, desk.ErrRefused) {
		return "Temporal does not show it; every worker keeps AFTERCALL_DIAL_RATE by itself", nil
	}
	if err != nil {
		return "", err
	}
	switch {
	case s.Stop != nil:
		return s.Stop.String() + "; resume with aftercall dial start", nil
	case s.Rate != nil && *s.Rate == 0:
		return "dialling is stopped: " + s.String(), nil
	default:
		return s.String(), nil
	}
}

func (d doctor) ledger(ctx context.Context) (string, error) {
	if says := notMade(d.Config.DialLedgerURL); says != "" {
		return says, nil
	}
	l, err := ledger.Open(ctx, d.Config.DialLedgerURL)
	if err != nil {
		return "", err
	}
	return "writable, in " + l.Where() + "; all workers must use the same one", errors.Join(l.Probe(ctx), l.Close())
}
