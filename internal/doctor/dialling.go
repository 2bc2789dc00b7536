package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		if d.requestsBefore(ctx, time.Now()) > 0 {
			return "", cured(fmt.Errorf("%s. But the namespace has requests: their dials and all suppressions are missing", says),
				"mount or restore that folder before a worker starts; where it is lost, see docs/deploy.md, Backup and restore")
		}
		return says, nil
	}
	l, err := ledger.Open(ctx, d.Config.DialLedgerURL)
	if err != nil {
		return "", err
	}
	says := "writable, in " + l.Where() + "; all workers must use the same one"
	made, err := l.Made(ctx, time.Now())
	if n := d.requestsBefore(ctx, made); err == nil && n > 0 {
		says += fmt.Sprintf("; it was made on %s, after %d requests of this namespace: it has neither their dials nor suppressions from before",
			made.Format(time.RFC3339), n)
	}
	return says, errors.Join(err, l.Probe(ctx), l.Close())
}

// requestsBefore returns how many requests are older than a time; 0 also where Temporal does not say.
func (d doctor) requestsBefore(ctx context.Context, at time.Time) int64 {
	if d.client == nil {
		return 0
	}
	n, err := desk.OlderRequests(ctx, d.client, d.Temporal.Namespace, at)
	if err != nil {
		return 0
	}
	return n
}
