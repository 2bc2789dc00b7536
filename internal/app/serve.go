package app

import (
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/erase"
	"github.com/aftercall/aftercall/internal/inbox"
)

// startServe starts the inbox, the dispatcher and the public listeners.
func (a *App) startServe(ctx context.Context) error {
	in, err := inbox.Open(ctx, a.Config.InboxURL, inbox.Options{
		Retention: a.Config.InboxRetention, DeadRetention: a.Config.DeadLetterRetention, Keys: a.Keys, Log: a.Log,
	})
	if err != nil {
		return errors.New("AFTERCALL_INBOX_URL: " + config.WithoutURL(err, a.Config.InboxURL))
	}
	a.onStop("inbox", func(context.Context) error { return in.Close() })
	a.inbox = in
	a.checks = append(a.checks, handlers.Check{Name: "inbox", Required: true, Run: in.Ready})
	m := a.serveMetrics(in)

	if err := a.startDispatcher(in, m); err != nil {
		return err
	}
	webhook := a.webhookOptions(in, m)
	public, err := a.engine(m)
	if err != nil {
		return err
	}
	handlers.MountWebhook(public, webhook)
	handlers.MountAPI(public, a.apiOptions(in, m))
	if a.addrs.HTTP, err = a.listen(ctx, "AFTERCALL_HTTP_ADDR", a.Config.HTTPAddr, public); err != nil {
		return err
	}
	if a.Config.WebhookAddr == "" {
		return nil
	}
	alone, err := a.engine(m)
	if err != nil {
		return err
	}
	handlers.MountWebhook(alone, webhook)
	a.addrs.Webhook, err = a.listen(ctx, "AFTERCALL_WEBHOOK_ADDR", a.Config.WebhookAddr, alone)
	return err
}

// startDispatcher starts the delivery and the sweeping of the inbox.
func (a *App) startDispatcher(in inbox.Inbox, m *metrics) error {
	deliverer := &dispatch.CallDeliverer{Desk: a.desk, Parser: a.parser(), ApplicationIDs: a.Config.UnifonicApplicationIDs}
	dispatcher, err := dispatch.New(dispatch.Options{
		Inbox: in, Deliverer: deliverer, Waits: deliverer.Waits, Concurrency: a.Config.DispatchConcurrency, StopTimeout: dispatchStop,
		Log: a.Log, Metrics: m,
	})
	if err != nil {
		return err
	}
	a.wake, a.storing = dispatcher.Wake, dispatcher.Storing
	a.background("dispatcher", func(ctx context.Context) {
		a.askGate(ctx)
		dispatcher.Run(ctx)
	})
	a.background("inbox sweep", func(ctx context.Context) { a.sweep(ctx, in) })
	return nil
}

func (a *App) webhookOptions(in inbox.Inbox, m *metrics) handlers.WebhookOptions {
	parser := a.parser()
	parser.Unknown = a.unknownStatuses("notification") // only here: the dispatcher reads the same again
	return handlers.WebhookOptions{
		Inbox: in, Parser: parser, Names: a.names(), LogIn: a.logIn, AllowUnauthenticated: a.Config.WebhookAllowUnauthenticated,
		Wake: a.wake, Storing: a.storing, Observe: m.received, Heard: a.Heard, Log: a.Log,
	}
}

func (a *App) apiOptions(in inbox.Inbox, m *metrics) handlers.APIOptions {
	stopping, stop := context.WithCancel(context.Background())
	a.stopWaits = stop
	o := handlers.APIOptions{
		LogIn: a.logIn, Audit: a.auditor, Desk: a.desk, Recordings: a.store, Receipts: in, Parser: a.parser(), Names: a.names(),
		Rules: a.Config.DialRules(), CallbackURL: a.callbacks.Check, Hash: a.Keys.Hash(), Stopping: stopping, Log: a.Log,
		Forecast: a.forecast, Now: a.clock.Now, NoKeys: a.noKeys != nil, Damaged: m.damaged.Inc,
	}
	o.Eraser = &erase.Eraser{Desk: a.desk, Inbox: in, Recordings: a.store, Names: a.names()}
	if a.ledger != nil {
		o.Suppressions, o.Requests = a.ledger, a.ledger
	}
	return o
}

// engine returns an engine for a public listener.
func (a *App) engine(m *metrics) (*gin.Engine, error) {
	e, err := handlers.NewEngine(handlers.EngineOptions{
		Log: a.Log, TrustedProxies: a.Config.TrustedProxies, Observe: m.request, Draining: a.draining.Load,
	})
	if err == nil {
		handlers.MountHealth(e, a.checks)
	}
	return e, err
}

// reparse reads the keys of a dead letter's body, to requeue it.
func (a *App) reparse(body []byte) (eventKey, callKey string, err error) {
	n, err := a.parser().Notification(body)
	if err != nil {
		return "", "", err
	}
	return n.EventKey(), a.names().Key(n.Key()), nil
}

// dispatchStop is how long deliveries under way may take when aftercall stops.
const dispatchStop = 4 * time.Second

// background runs a part until the app stops.
func (a *App) background(name string, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	a.onStopWorking(name, func(stopCtx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-stopCtx.Done():
			return stopCtx.Err()
		}
	})
}

// sweep removes old entries of the inbox, at the start and then periodically.
func (a *App) sweep(ctx context.Context, in inbox.Inbox) {
	for ; ctx.Err() == nil; pause(ctx, sweepEvery) {
		swept, err := in.Sweep(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("inbox was not swept", "error", err)
			continue
		}
		if swept.Dropped > 0 {
			a.Log.Warn("dead letters were dropped: they were older than AFTERCALL_DEADLETTER_RETENTION", "count", swept.Dropped)
		}
		a.Log.Debug("inbox swept", "blanked", swept.Blanked, "forgotten", swept.Forgotten, "resealed", swept.Resealed)
	}
}

const sweepEvery = 10 * time.Minute
