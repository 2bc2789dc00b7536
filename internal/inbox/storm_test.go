package inbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// stormEnv makes the test binary one of several processes on a database instead: "URL, number of notifications, seed".
const stormEnv = "INBOX_TEST_STORM"

const (
	stormLease  = 2 * time.Second
	stormFlight = 8 // most deliveries of a process under way
)

// stormChild appends all notifications in an order of its own until each is acknowledged, and delivers whatever it can
// claim, until its input ends. It prints an acknowledgement after it got it, and a delivery before it settles it with the
// inbox, like a dispatcher, which signals before it settles.
func stormChild(arg string) error {
	parts := strings.Split(arg, "\n")
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var in inbox.Inbox
	for deadline := time.Now().Add(time.Minute); ; pause(ctx) { // its database may be away just now
		if in, err = inbox.Open(ctx, parts[0], inbox.Options{}); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	var mu sync.Mutex
	say := func(what, key string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, key)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	go stormFeed(ctx, in, rand.New(rand.NewPCG(seed, 1)).Perm(n), say)
	for ctx.Err() == nil {
		items, err := in.Claim(ctx, stormFlight, stormLease)
		if err != nil || len(items) == 0 {
			select {
			case <-in.Arrivals():
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		var flights sync.WaitGroup
		for _, it := range items {
			flights.Go(func() {
				say("delivered", it.EventKey)
				for ctx.Err() == nil && in.Done(ctx, it.ID) != nil {
					pause(ctx)
				}
			})
		}
		flights.Wait()
	}
	return in.Close()
}

func stormFeed(ctx context.Context, in inbox.Inbox, order []int, say func(what, key string)) {
	var next atomic.Int64
	var writers sync.WaitGroup
	for range 32 {
		writers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(order); i = next.Add(1) - 1 {
				n := stormNotification(order[i])
				for ; ; pause(ctx) {
					_, err := in.Append(ctx, n)
					if err == nil {
						say("appended", n.EventKey)
						break
					}
					if ctx.Err() != nil {
						return
					}
				}
			}
		})
	}
	writers.Wait()
	say("fed", "")
}

// pause waits a moment before another try, or until the process is to end.
func pause(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}

// stormNotification returns a notification; each call has five.
func stormNotification(i int) inbox.Notification {
	key := fmt.Sprint("e", i)
	return inbox.Notification{EventKey: key, CallKey: fmt.Sprint("c", i/5), Body: []byte(strings.Repeat(key+" ", 50))}
}

// storm collects what the processes have printed.
type storm struct {
	mu        sync.Mutex
	appended  map[string]int
	delivered map[string]int
	fed       int
}

func (s *storm) hear(lines *bufio.Scanner) {
	for lines.Scan() {
		what, key, _ := strings.Cut(lines.Text(), " ")
		s.mu.Lock()
		switch what {
		case "appended":
			s.appended[key]++
		case "delivered":
			s.delivered[key]++
		case "fed":
			s.fed++
		}
		s.mu.Unlock()
	}
}

func (s *storm) counts() (appended, delivered, fed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.appended), len(s.delivered), s.fed
}

// TestTwoInboxesOnOnePostgreSQL has two processes accept the same notifications, each in an order of its own, on one
// database. Each process is killed several times, and so is the database. Every acknowledged notification is delivered. It
// is delivered again only if a process or the database ended between the delivery and its settlement; the event keys of a
// call are for that.
//
// AFTERCALL_TEST_STORM is the number of notifications; 20000 takes some minutes.
func TestTwoInboxesOnOnePostgreSQL(t *testing.T) {
	n, ends := 1200, 1
	if text := os.Getenv("AFTERCALL_TEST_STORM"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
		ends = 5
	}
	server := postgrestest.Start(t)
	url := server.URL(t)
	s := &storm{appended: map[string]int{}, delivered: map[string]int{}}
	var seed uint64
	var listeners sync.WaitGroup
	start := func() (*exec.Cmd, io.Closer) {
		seed++
		cmd := exec.Command(os.Args[0]) // it ends with its input, if it is not killed before
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%d\n%d", stormEnv, url, n, seed))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		listeners.Go(func() { s.hear(bufio.NewScanner(out)) })
		return cmd, in
	}
	began := time.Now()
	var running [2]*exec.Cmd
	var inputs [2]io.Closer
	for i := range running {
		running[i], inputs[i] = start()
	}
	stages := 3 * ends
	for stage := range stages {
		reached := n * (stage + 1) / (stages + 1)
		require.Eventually(t, func() bool { _, d, _ := s.counts(); return d >= reached }, 2*time.Minute, time.Millisecond)
		if i := stage % 3; i < 2 {
			require.NoError(t, running[i].Process.Kill())
			_, _ = running[i].Process.Wait()
			running[i], inputs[i] = start()
		} else {
			server.Stop(t)
			server.Restart(t)
		}
	}
	require.Eventually(t, func() bool { a, d, fed := s.counts(); return a == n && d == n && fed >= 2 }, 5*time.Minute, 5*time.Millisecond,
		"all that was acknowledged is delivered")
	in := openURL(t, url, inbox.Options{})
	require.Eventually(t, func() bool { st, err := in.Stats(t.Context()); return err == nil && st.Pending == 0 }, time.Minute, 5*time.Millisecond)
	took := time.Since(began)
	for i := range inputs {
		require.NoError(t, inputs[i].Close())
		_, err := running[i].Process.Wait()
		require.NoError(t, err)
	}
	listeners.Wait()

	copies, again := 0, 0
	for key, times := range s.appended {
		require.Positive(t, s.delivered[key], "acknowledged, and lost: %s", key)
		copies += times
	}
	for _, times := range s.delivered {
		again += times - 1
	}
	t.Logf("%d notifications, %d acknowledgements, 0 lost, %d delivered again after %d kills and %d stops of PostgreSQL, %.1f s",
		n, copies, again, 2*ends, ends, took.Seconds())
	// A lease that ends while the machine stands still counts as one more end for two processes.
	require.LessOrEqual(t, again, stormFlight*(2*ends+2*ends+2), "more than was under way when something ended")
}
