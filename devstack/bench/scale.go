package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// portScale is the first port of several serves and workers, which have two each.
const portScale = portWorkerCodec + 1

// scaled is a number of serves on one database in PostgreSQL, with as many workers.
type scaled struct {
	b        *bench
	n        int
	database *postgrestest.Server
	url      string
	serves   []*process
	workers  []*process
}

// scale measures the gain of each further process, with the inbox in PostgreSQL. It needs one, so a whole run leaves it out.
func (b *bench) scale(ctx context.Context) error {
	database, err := postgrestest.New()
	if err != nil {
		return err
	}
	defer database.Close()
	for _, n := range b.processes {
		s := &scaled{b: b, n: n, database: database}
		if err := s.away(ctx); err != nil {
			return err
		}
		if err := s.up(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *scaled) name(what string) string { return fmt.Sprintf("%d serve and worker: %s", s.n, what) }

func (s *scaled) base(i int) string { return s.b.url(portScale + 2*i) }

// away measures the webhook alone.
func (s *scaled) away(ctx context.Context) error {
	defer s.stop()
	if err := s.start(ctx, false); err != nil {
		return err
	}
	var turn atomic.Int64
	send := func() error { return post(ctx, s.base(int(turn.Add(1))%s.n), newID(), "COMPLETED") }
	if _, _, err := closed(64, s.b.load/4, send); err != nil { // warm
		return err
	}
	serve, database := cpuOf(s.serves), s.databaseCPU()
	perSecond, l, err := closed(64, s.b.load, send)
	if err != nil {
		return err
	}
	us := 1e6 / float64(len(l))
	s.b.table.add(s.name("acknowledged per second, Temporal away"), perSecond)
	s.b.table.add(s.name("acknowledged, p99 ms"), l.ms(0.99))
	s.b.table.add(s.name("CPU us of serve for each"), (cpuOf(s.serves)-serve).Seconds()*us)
	s.b.table.add(s.name("CPU us of PostgreSQL for each"), (s.databaseCPU()-database).Seconds()*us)
	return nil
}

// up measures the way of a notification to the end of its first workflow task.
func (s *scaled) up(ctx context.Context) error {
	if err := s.b.clean(); err != nil {
		return err
	}
	t, err := s.b.temporal(ctx)
	defer t.stop()
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.start(ctx, true); err != nil {
		return err
	}
	serve, worker, temporal, database := cpuOf(s.serves), cpuOf(s.workers), t.cpu(), s.databaseCPU()
	began := time.Now()
	if err := each(32, s.b.backlog, func(i int) error { return post(ctx, s.base(i%s.n), newID(), "COMPLETED") }); err != nil {
		return err
	}
	if err := s.told(ctx); err != nil {
		return err
	}
	took, us := time.Since(began).Seconds(), 1e6/float64(s.b.backlog)
	s.b.table.add(s.name("notifications told to their workflows per second"), float64(s.b.backlog)/took)
	s.b.table.add(s.name("CPU us of serve for each, told"), (cpuOf(s.serves)-serve).Seconds()*us)
	s.b.table.add(s.name("CPU us of worker for each, told"), (cpuOf(s.workers)-worker).Seconds()*us)
	s.b.table.add(s.name("CPU us of Temporal for each, told"), (t.cpu()-temporal).Seconds()*us)
	s.b.table.add(s.name("CPU us of PostgreSQL for each, told"), (s.databaseCPU()-database).Seconds()*us)
	return nil
}

// told waits until workers have processed every notification.
func (s *scaled) told(ctx context.Context) error {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		done := 0.0
		for i := range s.workers {
			n, err := callTasks(ctx, s.b.url(portScale+2*(s.n+i))+"/metrics")
			if err != nil {
				return err
			}
			done += n
		}
		if done >= float64(s.b.backlog) {
			return nil
		}
	}
	return fmt.Errorf("fewer than %d workflow tasks were done", s.b.backlog)
}

// start starts the processes on an empty inbox, the workers only if there is a Temporal.
func (s *scaled) start(ctx context.Context, temporal bool) (err error) {
	if s.url, err = s.database.Schema(ctx); err != nil {
		return err
	}
	roles := []string{"serve"}
	if temporal {
		roles = append(roles, "worker")
	}
	for r, role := range roles {
		for i := range s.n {
			port := portScale + 2*(r*s.n+i)
			env := s.b.settings(port, temporal)
			admin := s.b.address(port)
			if role == "serve" {
				admin = s.b.address(port + 1)
				env = append(env, "AFTERCALL_HTTP_ADDR="+s.b.address(port))
			}
			env = append(env, "AFTERCALL_ADMIN_ADDR="+admin, "AFTERCALL_INBOX_URL="+s.url)
			p, err := s.b.start(ctx, role, s.b.program, env, role)
			if err != nil {
				return err
			}
			if role == "serve" {
				s.serves = append(s.serves, p)
			} else {
				s.workers = append(s.workers, p)
			}
			if err := await(ctx, "http://"+admin+"/readyz"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scaled) stop() {
	for _, p := range append(s.serves, s.workers...) {
		p.stop()
	}
	s.serves, s.workers = nil, nil
}

func cpuOf(list []*process) (sum time.Duration) {
	for _, p := range list {
		sum += p.cpu()
	}
	return sum
}

// databaseCPU returns the CPU time of all processes of PostgreSQL, also of those that have ended.
func (s *scaled) databaseCPU() time.Duration {
	first, err := s.database.PID()
	if err != nil {
		return 0
	}
	ticks := 0
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		own := filepath.Base(filepath.Dir(path)) == strconv.Itoa(first)
		if len(fields) < 15 || !own && fields[1] != strconv.Itoa(first) {
			continue
		}
		used := fields[11:13]
		if own {
			used = fields[11:15] // with its children that have ended
		}
		for _, f := range used {
			n, _ := strconv.Atoi(f)
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}
