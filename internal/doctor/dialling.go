package doctor

import (
	"context"
	"errors"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/ledger"
)

// dialling says at what rate calls are placed, and whether somebody has stopped that. It is no fault: who stopped it
// knows.
func (d doctor) dialling(ctx context.Context) (string, error) {
	s, err := dialqueue.Queue{Client: d.client, Namespace: d.Temporal.Namespace}.Status(ctx)
	if desk.Means(err, desk.ErrRefused) {
		return "not shown by Temporal; workers hold to AFTERCALL_DIAL_RATE by themselves", nil
	}
	if err != nil {
		return "", err
	}
	switch {
	case s.Stop != nil:
		return s.Stop.String() + "; aftercall dial start ends that", nil
	case s.Rate != nil && *s.Rate == 0:
		return "nothing is dialled: " + s.String(), nil
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
	return "can be written, in " + l.Where() + "; all workers must use the same one", errors.Join(l.Probe(ctx), l.Close())
}
