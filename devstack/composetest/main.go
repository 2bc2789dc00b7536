// Command composetest runs docker-compose.yml on a Docker engine and tries to break its promises: that the whole system
// comes up, does its work, keeps everything acknowledged and dials nobody twice while each container is restarted or
// killed under traffic, and can be restored from a backup. scripts/compose-test gives it an engine and images.
//
// It talks to the containers as a deployer does, with docker and HTTP, and shares no code with what it tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// limit bounds the whole run.
const limit = 25 * time.Minute

func main() {
	from := flag.String("from", "", "commit of a release that runs first and leaves its volumes")
	only := flag.String("run", "", "regular expression: run only the checks with such a name, and what they need")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %s", limit))
	err := run(ctx, *from, *only)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "composetest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, from, only string) error {
	names, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	root, err := projectRoot()
	if err != nil {
		return err
	}
	t, err := newTest(ctx, root)
	if err != nil {
		return err
	}
	t.from, t.only = from, names
	defer func() {
		t.compose.removeAll()
		_ = os.RemoveAll(t.compose.dir)
	}()
	t.all(ctx)
	t.report.close()
	if t.report.failed > 0 {
		t.compose.dumpLogs()
		return errors.New("docker-compose.yml does not keep its promises")
	}
	return nil
}

// projectRoot is the folder with docker-compose.yml, here or above.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "docker-compose.yml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("docker-compose.yml is neither here nor above")
		}
	}
}

// report prints the checks and their durations.
type report struct {
	began          time.Time
	passed, failed int
}

// check runs one check and reports whether it passed. fn returns its findings.
func (r *report) check(name string, fn func() (string, error)) bool {
	began := time.Now()
	seen, err := fn()
	took := time.Since(began).Seconds()
	if err != nil {
		r.failed++
		fmt.Printf("FAIL %6.1f s  %s: %v\n", took, name, err)
		return false
	}
	r.passed++
	if seen != "" {
		seen = ": " + seen
	}
	fmt.Printf("ok   %6.1f s  %s%s\n", took, name, seen)
	return true
}

func (r *report) close() {
	fmt.Printf("\ncompose-test took %.0f s\n%d passed, %d failed\n", time.Since(r.began).Seconds(), r.passed, r.failed)
}
