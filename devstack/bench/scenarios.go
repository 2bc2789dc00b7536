package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/keys"
)

// disk measures how fast the disk makes 8 kB durable.
func (b *bench) disk(context.Context) error {
	f, err := os.Create(filepath.Join(b.dir, "fsync"))
	if err != nil {
		return err
	}
	defer f.Close()
	page := make([]byte, 8<<10)
	perSecond, _, err := closed(1, b.load/2, func() error {
		_, err := f.WriteAt(page, 0)
		return errors.Join(err, f.Sync())
	})
	b.table.add("disk: fsyncs of 8 kB per second", perSecond)
	return err
}

// inboxAlone measures the inbox with 64 writers.
func (b *bench) inboxAlone(ctx context.Context) error {
	return b.withInbox(ctx, func(in inbox.Inbox) error {
		perSecond, l, err := closed(64, b.load, func() error { return appendOne(ctx, in) })
		b.table.add("inbox alone, 64 writers: notifications per second", perSecond)
		b.table.add("inbox alone: p99 ms", l.ms(0.99))
		return err
	})
}

// withInbox opens an empty inbox that encrypts its bodies.
func (b *bench) withInbox(ctx context.Context, do func(inbox.Inbox) error) error {
	if err := b.clean(); err != nil {
		return err
	}
	ring, err := keys.Parse([]string{b.keys[0][len(keys.EncryptionSetting)+1:]}, "")
	if err != nil {
		return err
	}
	in, err := inbox.Open(ctx, "sqlite:"+filepath.Join(b.dir, "inbox.db"), inbox.Options{Keys: ring})
	if err != nil {
		return err
	}
	return errors.Join(do(in), in.Close())
}

func appendOne(ctx context.Context, in inbox.Inbox) error {
	id := newID()
	body := fmt.Appendf(nil, `{"callId":%q,"status":"COMPLETED","filler":"%s"}`, id, bytes.Repeat([]byte("x"), 500))
	_, err := in.Append(ctx, inbox.Notification{EventKey: "v1-" + id, CallKey: id, Body: body})
	return err
}

const bareGin = "bare Gin handler"

// bare measures a Gin handler that does nothing.
func (b *bench) bare(ctx context.Context) error {
	return b.bareProcess(ctx, bareGin, "bare", b.address(portBare))
}

// bareProcess measures a process of this program in place of serve.
func (b *bench) bareProcess(ctx context.Context, what string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := b.start(ctx, args[0], self, nil, args...)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := await(ctx, b.url(portBare)+"/readyz"); err != nil {
		return err
	}
	return b.acknowledge(ctx, p, portBare, what)
}

// acknowledge runs a closed loop with each number of connections.
func (b *bench) acknowledge(ctx context.Context, p *process, port int, what string) error {
	send := func() error { return post(ctx, b.url(port), newID(), "COMPLETED") }
	if _, _, err := closed(8, b.load/4, send); err != nil { // warm
		return err
	}
	for _, n := range b.conns {
		before := p.cpu()
		perSecond, l, err := closed(n, b.load, send)
		if err != nil {
			return err
		}
		used := p.cpu() - before
		b.table.add(fmt.Sprintf("%s, %d connections: per second", what, n), perSecond)
		b.table.add(fmt.Sprintf("%s, %d connections: p99 ms", what, n), l.ms(0.99))
		b.table.add(fmt.Sprintf("%s, %d connections: CPU us each", what, n), used.Seconds()*1e6/float64(len(l)))
		if bare := b.table.last(bareGin + ", 32 connections: per second"); what != bareGin && n == 32 && bare > 0 {
			b.table.add(what+", 32 connections: part of bare Gin", perSecond/bare)
		}
	}
	return nil
}

// away measures the webhook while Temporal is away.
func (b *bench) away(ctx context.Context) error {
	if err := b.clean(); err != nil {
		return err
	}
	p, err := b.serve(ctx, false)
	defer p.stop()
	if err != nil {
		return err
	}
	if err := b.acknowledge(ctx, p, portServe, "acknowledged, Temporal away"); err != nil {
		return err
	}
	return b.steady(ctx, p, "Temporal away")
}

const steadyRate = 500 // a second

// steady runs an open loop at steadyRate.
func (b *bench) steady(ctx context.Context, serve *process, what string) error {
	l, err := open(steadyRate, int(steadyRate*b.load.Seconds()), func(int) error { return post(ctx, b.url(portServe), newID(), "COMPLETED") })
	b.table.add("acknowledged at 500/s, "+what+": p99 ms", l.ms(0.99))
	b.table.add("acknowledged at 500/s, "+what+": MiB of serve", serve.memory())
	return err
}

// restarted measures a start on an inbox with many waiting rows.
func (b *bench) restarted(ctx context.Context) error {
	if err := b.withInbox(ctx, func(in inbox.Inbox) error {
		return each(128, b.restart, func(int) error { return appendOne(ctx, in) })
	}); err != nil {
		return err
	}
	began := time.Now()
	p, err := b.serve(ctx, false)
	defer p.stop()
	if err != nil {
		return err
	}
	if err := post(ctx, b.url(portServe), newID(), "COMPLETED"); err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("restart with %d rows: ms to ready and a first 200", b.restart), time.Since(began).Seconds()*1000)
	return nil
}

// up measures the webhook beside Temporal and a worker, and the way of a notification there.
func (b *bench) up(ctx context.Context) error {
	return b.system(ctx, func(serve, worker *process) error {
		if err := b.resume(ctx); err != nil {
			return err
		}
		if err := b.steady(ctx, serve, "Temporal up"); err != nil {
			return err
		}
		return b.acknowledge(ctx, serve, portServe, "acknowledged, Temporal up")
	})
}

// system starts everything, empty.
func (b *bench) system(ctx context.Context, do func(serve, worker *process) error) error {
	if err := b.clean(); err != nil {
		return err
	}
	t, err := b.temporal(ctx)
	defer t.stop()
	if err != nil {
		return err
	}
	w, err := b.worker(ctx)
	defer w.stop()
	if err != nil {
		return err
	}
	s, err := b.serve(ctx, true)
	defer s.stop()
	if err != nil {
		return err
	}
	return do(s, w)
}

// drain measures the time after Temporal comes back with many notifications waiting.
func (b *bench) drain(ctx context.Context) error {
	if err := b.clean(); err != nil {
		return err
	}
	s, err := b.serve(ctx, true)
	defer s.stop()
	if err != nil {
		return err
	}
	if err := b.many(ctx, b.backlog, "COMPLETED"); err != nil {
		return err
	}
	t, err := b.temporal(ctx)
	defer t.stop()
	if err != nil {
		return err
	}
	w, err := b.worker(ctx)
	defer w.stop()
	if err != nil {
		return err
	}
	began, part := time.Now(), min(500, b.backlog)
	newOnes, stop := b.newCalls(ctx)
	if err := b.until(ctx, part); err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("drain of %d: s until the first %d calls are told", b.backlog, part), time.Since(began).Seconds())
	err = b.until(ctx, b.backlog)
	b.table.add(fmt.Sprintf("drain of %d: s until all are told", b.backlog), time.Since(began).Seconds())
	stop()
	b.table.add(fmt.Sprintf("drain of %d: a new awaited call meanwhile, p50 ms", b.backlog), (<-newOnes).ms(0.5))
	return err
}

// grow opens more and more calls, and measures their cost.
func (b *bench) grow(ctx context.Context) error {
	return b.system(ctx, func(_, worker *process) error {
		before := 0
		for _, n := range b.open {
			began := time.Now()
			if err := b.many(ctx, n-before, "RINGING"); err != nil {
				return err
			}
			if err := b.until(ctx, n); err != nil {
				return err
			}
			b.table.add(fmt.Sprintf("%d open calls: opened per second", n), float64(n-before)/time.Since(began).Seconds())
			b.table.add(fmt.Sprintf("%d open calls: MiB of the worker", n), worker.memory())
			l, err := open(steadyRate, int(steadyRate*b.load.Seconds()), func(int) error { return post(ctx, b.url(portServe), newID(), "RINGING") })
			if err != nil {
				return err
			}
			b.table.add(fmt.Sprintf("%d open calls: acknowledged at 500/s, p99 ms", n), l.ms(0.99))
			before = n + len(l)
		}
		return nil
	})
}

// many posts the notifications of n calls.
func (b *bench) many(ctx context.Context, n int, status string) error {
	return each(64, n, func(int) error { return post(ctx, b.url(portServe), newID(), status) })
}
