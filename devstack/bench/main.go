// Command bench measures aftercall on this machine, and in the same run its foundations: a bare Gin handler, the inbox
// alone, the disk, and a workflow on the same Temporal that is signalled without aftercall. It writes a table of medians.
// `make bench-system` runs it; it starts everything it needs on ports of its own and keeps nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	program string        // bin/aftercall
	port    int           // the first of a few
	repeats int           // of short measurements
	load    time.Duration // of each closed loop
	waiters int           // of the open loop with awaited calls
	backlog int           // rows of the drain
	restart int           // rows of the restart
	open    []int         // open calls of the growth
	conns   []int         // connections of the closed loops

	processes []int  // serves and workers of the scaling
	only      string // the measurements to make; empty: all
	dir       string
	keys      []string // environment with the keys that all processes here share
	table     table
}

func main() {
	log.SetFlags(log.Ltime)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "temporal": // a process of its own, to measure its memory and CPU
			serveTemporal(ctx, os.Args[2], os.Args[3])
			return
		case "bare":
			serveBare(os.Args[2])
			return
		case "floor":
			serveFloor(os.Args[2], os.Args[3])
			return
		}
	}
	b := &bench{}
	flag.StringVar(&b.program, "aftercall", "bin/aftercall", "the product")
	flag.IntVar(&b.port, "port", 18300, "the first of 20 ports")
	flag.IntVar(&b.repeats, "repeats", 5, "of each measurement that is short")
	flag.DurationVar(&b.load, "load", 2*time.Second, "how long each closed loop takes")
	flag.IntVar(&b.waiters, "waiters", 200, "awaited calls of the open loop at 20/s")
	flag.IntVar(&b.backlog, "backlog", 10_000, "notifications that wait when Temporal comes")
	flag.IntVar(&b.restart, "restart", 100_000, "notifications that wait at a restart")
	flag.StringVar(&b.only, "only", "", "of disk, inbox, bare, floor, away, restart, up, drain and growth, by comma; the parts of bare Gin need bare; or scale, with PostgreSQL, which no whole run has")
	out := flag.String("o", "", "a Markdown file whose part between the marks <!-- bench-system --> is replaced; else standard output")
	short := flag.Bool("short", false, "see that everything runs; its figures say nothing")
	conns := flag.String("connections", "1,32,256", "of each closed loop")
	growth := flag.String("growth", "1000,10000,50000", "numbers of open calls, ascending; empty: none")
	scale := flag.String("processes", "1,2,4", "numbers of serves and workers of -only scale")
	flag.Parse()
	if b.only == "scale" {
		*out = "" // it is no part of that table
	}
	if *short {
		b.repeats, b.load, b.waiters, b.backlog, b.restart, *growth = 1, 200*time.Millisecond, 10, 50, 1000, "50"
	}
	if err := b.run(ctx, *growth, *conns, *scale); err != nil {
		log.Fatal(err)
	}
	if err := b.table.write(*out); err != nil {
		log.Fatal(err)
	}
}

func (b *bench) run(ctx context.Context, growth, conns, scale string) (err error) {
	if b.open, err = numbers(growth); err != nil {
		return fmt.Errorf("-growth: %w", err)
	}
	if b.conns, err = numbers(conns); err != nil {
		return fmt.Errorf("-connections: %w", err)
	}
	if b.processes, err = numbers(scale); err != nil {
		return fmt.Errorf("-processes: %w", err)
	}
	if b.program, err = filepath.Abs(b.program); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.keys, err = makeKeys(); err != nil {
		return err
	}
	if b.only == "scale" {
		for range b.repeats {
			if err := b.measure(ctx, step{"scale", b.scale}); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range b.repeats {
		log.Printf("repeat %d of %d", i+1, b.repeats)
		if err := b.measure(ctx, step{"disk", b.disk}, step{"inbox", b.inboxAlone}, step{"bare", b.bare}, step{"floor", b.floor}, step{"away", b.away},
			step{"restart", b.restarted}, step{"up", b.up}); err != nil {
			return err
		}
	}
	return b.measure(ctx, step{"drain", b.drain}, step{"growth", b.grow})
}

// step is a measurement, which -only can name.
type step struct {
	name string
	do   func(context.Context) error
}

func (b *bench) measure(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), s.name) {
			continue
		}
		b.table.load()
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func numbers(text string) (list []int, err error) {
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}
