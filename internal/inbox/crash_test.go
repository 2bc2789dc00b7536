package inbox_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// childEnv makes the test binary a writer instead: "URL, prefix".
const childEnv = "INBOX_TEST_CHILD"

func TestMain(m *testing.M) {
	if arg := os.Getenv(childEnv); arg != "" {
		url, prefix, _ := strings.Cut(arg, "\n")
		if err := child(url, prefix); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if arg := os.Getenv(stormEnv); arg != "" {
		if err := stormChild(arg); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// child appends and finishes notifications until it is killed, and prints each one after its acknowledgement.
func child(url, prefix string) error {
	ctx := context.Background()
	in, err := inbox.Open(ctx, url, inbox.Options{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what, key string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, key)
	}
	for w := range 16 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s-%d-%d", prefix, w, i)
				if _, err := in.Append(ctx, notification(key)); err == nil {
					say("appended", key)
				}
			}
		}()
	}
	for {
		items, err := in.Claim(ctx, 10, time.Minute)
		if err != nil {
			return err
		}
		newest, err := in.ClaimNew(ctx, time.Time{}, 10, time.Minute)
		if err != nil {
			return err
		}
		begun, err := in.ClaimBegun(ctx, 10, time.Minute)
		if err != nil {
			return err
		}
		for _, it := range slices.Concat(items, newest, begun) {
			if strings.HasSuffix(it.EventKey, "7") {
				err = in.Bury(ctx, it.ID, inbox.ReasonPermanent, "")
			} else {
				err = in.Done(ctx, it.ID)
			}
			if err == nil {
				say("finished", it.EventKey)
			}
		}
	}
}

func startChild(t *testing.T, url, prefix string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url+"\n"+prefix)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testKilledProcess(t, newURL(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { testKilledProcess(t, postgrestest.URL(t)) })
}

func testKilledProcess(t *testing.T, url string) {
	appended, finished := map[string]bool{}, map[string]bool{}
	note := func(line string) {
		if key, ok := strings.CutPrefix(line, "appended "); ok {
			appended[key] = true
		} else if key, ok := strings.CutPrefix(line, "finished "); ok {
			finished[key] = true
		}
	}
	for cycle := range 5 {
		cmd, lines := startChild(t, url, fmt.Sprint("run", cycle))
		for n := 0; n < 150+37*cycle && lines.Scan(); n++ {
			note(lines.Text())
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // lines from before it died
			note(lines.Text())
		}
		require.Error(t, cmd.Wait())
	}
	require.Greater(t, len(appended), 300)
	require.NotEmpty(t, finished)

	in := openURL(t, url, inbox.Options{QueueSize: 100_000})
	pending := map[string]bool{}
	items, err := in.Claim(t.Context(), 1_000_000, time.Minute)
	require.NoError(t, err)
	for _, it := range items {
		require.False(t, finished[it.EventKey], "finished, and claimed again: %s", it.EventKey)
		require.Equal(t, notification(it.EventKey).Body, it.Body)
		pending[it.EventKey] = true
	}
	buried := map[string]bool{}
	letters, err := in.DeadLetters(t.Context(), inbox.Filter{Limit: 1_000_000})
	require.NoError(t, err)
	for _, d := range letters {
		buried[d.EventKey] = true
	}
	var all sync.WaitGroup
	for key := range appended {
		all.Go(func() {
			r, err := in.Append(t.Context(), notification(key))
			if want := (inbox.Receipt{Duplicate: true}); err != nil || r != want {
				t.Errorf("acknowledged, and lost: %s: %v, %v", key, r, err)
			}
		})
		require.False(t, pending[key] && buried[key])
	}
	all.Wait()
	for key := range finished {
		require.Equal(t, strings.HasSuffix(key, "7"), buried[key], key)
	}
}

func TestAnotherProcessIsRefusedUntilThisOneDies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	cmd, lines := startChild(t, "sqlite:"+path, "a")
	require.True(t, lines.Scan(), "it runs")
	_, err := inbox.Open(t.Context(), "sqlite:"+path, inbox.Options{})
	require.ErrorIs(t, err, inbox.ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("held by process %d", cmd.Process.Pid))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	open(t, path, inbox.Options{})
}
