package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/keys"
)

// Ports, from the first one.
const (
	portBare = iota
	portTemporal
	portServe
	portServeAdmin
	portWorkerAdmin
	portWorkerCodec
)

func (b *bench) address(port int) string { return fmt.Sprintf("127.0.0.1:%d", b.port+port) }
func (b *bench) url(port int) string     { return "http://" + b.address(port) }

// process is a process that this program has started.
type process struct {
	cmd  *exec.Cmd
	name string
}

func (b *bench) start(ctx context.Context, name, path string, env []string, args ...string) (*process, error) {
	p := &process{exec.CommandContext(ctx, path, args...), name}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr = append(os.Environ(), env...), b.dir, os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// stop ends a process as an operator does. It does nothing for nil.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// memory returns the memory of a process, in MiB.
func (p *process) memory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kB float64
	_, _ = fmt.Sscan(rest, &kB)
	return kB / 1024
}

// tick is the unit in which the kernel counts CPU: 100 a second on every Linux.
const tick = 10 * time.Millisecond

// cpu returns the CPU time of a process, user and system.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// await requests a URL until it responds 200.
func await(ctx context.Context, url string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := get(ctx, url); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s does not answer", url)
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, res.Status)
	}
	return string(text), err
}

// makeKeys makes keys, so that the measured data is encrypted as in production.
func makeKeys() ([]string, error) {
	made := keys.New(time.Now())
	if len(made.Encryption) == 0 {
		return nil, fmt.Errorf("no key was made")
	}
	return []string{keys.EncryptionSetting + "=" + made.Encryption[0], keys.HashSetting + "=" + made.Hash}, nil
}

// settings returns the settings of serve and worker. Without Temporal they name an address at which nobody listens.
func (b *bench) settings(admin int, temporal bool) []string {
	at := b.address(portTemporal)
	if !temporal {
		at = "127.0.0.1:1"
	}
	in := func(name string) string { return filepath.Join(b.dir, name) }
	return append([]string{
		"TEMPORAL_ADDRESS=" + at, "AFTERCALL_HTTP_ADDR=" + b.address(portServe), "AFTERCALL_ADMIN_ADDR=" + b.address(admin),
		"AFTERCALL_INBOX_URL=sqlite:" + in("inbox.db"), "AFTERCALL_RECORDINGS_URL=file:" + in("recordings"), "AFTERCALL_DIAL_LEDGER_URL=file:" + in("dials"),
		"AFTERCALL_WEBHOOK_CREDENTIALS=bench:bench-secret", "AFTERCALL_UNIFONIC_APPS_ID=bench", "AFTERCALL_UNIFONIC_BASE_URL=http://127.0.0.1:1/v1",
		"AFTERCALL_LOG_LEVEL=error",
	}, b.keys...)
}

// serve starts the webhook on the current inbox.
func (b *bench) serve(ctx context.Context, temporal bool) (*process, error) {
	p, err := b.start(ctx, "serve", b.program, b.settings(portServeAdmin, temporal), "serve")
	if err != nil {
		return nil, err
	}
	return p, await(ctx, b.url(portServeAdmin)+"/readyz")
}

func (b *bench) worker(ctx context.Context) (*process, error) {
	p, err := b.start(ctx, "worker", b.program, b.settings(portWorkerAdmin, true), "worker")
	if err != nil {
		return nil, err
	}
	return p, await(ctx, b.url(portWorkerAdmin)+"/readyz")
}

// temporal starts an empty Temporal and prepares it.
func (b *bench) temporal(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "temporal", self, nil, "temporal", b.address(portTemporal), filepath.Join(b.dir, "temporal.db"))
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		setup := exec.CommandContext(ctx, b.program, "setup")
		setup.Env = append(os.Environ(), b.settings(portServeAdmin, true)...)
		if err = setup.Run(); err == nil {
			return p, nil
		}
	}
	return p, fmt.Errorf("setup: %w", err)
}

// clean deletes the data of the inbox and of Temporal.
func (b *bench) clean() error {
	for _, pattern := range []string{"inbox.db*", "temporal.db*"} {
		files, err := filepath.Glob(filepath.Join(b.dir, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// serveTemporal runs the process `bench temporal`.
func serveTemporal(ctx context.Context, address, file string) {
	var port int
	_, _ = fmt.Sscanf(address, "127.0.0.1:%d", &port)
	s, err := temporalserver.Start(ctx, temporalserver.Options{
		GRPCPort: port, DataFile: file, Logger: slog.New(slog.DiscardHandler), Fairness: true, SpareHeap: true,
		SearchAttributes: temporalserver.AttributeTypes(calls.SearchAttributes()), SinglePartition: contract.TaskQueues(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench temporal:", err)
		os.Exit(1)
	}
	<-ctx.Done()
	s.Stop()
}
