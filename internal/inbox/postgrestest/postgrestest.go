// Package postgrestest starts PostgreSQL servers for tests: each a new cluster in a temporary folder, reached by a socket
// there, with every setting on that makes commits durable. They end with the process that started them, however it ends.
//
// If no PostgreSQL is installed, a test that asks for one is skipped, unless AFTERCALL_TEST_POSTGRES is "required".
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Server is a running PostgreSQL.
type Server struct {
	bin  string // folder of its programs
	dir  string
	as   *syscall.Credential // nil: as the current user
	args []string

	life io.Closer // closing it ends the server and removes its folder
}

var (
	shared    *Server
	sharedErr error
	startOnce sync.Once
	schemas   atomic.Int64
)

// URL returns the URL of a new, empty schema, on a server that all tests of the process share.
func URL(t testing.TB) string {
	t.Helper()
	bin := required(t)
	startOnce.Do(func() { shared, sharedErr = start(bin) })
	if sharedErr != nil {
		t.Fatal(sharedErr)
	}
	return shared.URL(t)
}

// New starts a server for a program that is no test. It returns an error if no PostgreSQL is installed.
func New(args ...string) (*Server, error) {
	bin := programs()
	if bin == "" {
		return nil, errors.New(missing)
	}
	return start(bin, args...)
}

const missing = "no PostgreSQL is installed (Debian: apt-get install postgresql-15)"

// Close ends the server and removes its data.
func (s *Server) Close() error { return s.life.Close() }

// Start starts a server for this test only; it may be stopped and started again. args are added to its command line.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := start(required(t), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// required finds the programs, or skips the test.
func required(t testing.TB) (bin string) {
	t.Helper()
	bin = programs()
	if bin != "" {
		return bin
	}
	const what = "THE INBOX ON POSTGRESQL IS NOT TESTED HERE: " + missing
	if os.Getenv("AFTERCALL_TEST_POSTGRES") == "required" {
		t.Fatal(what)
	}
	t.Skip("SKIPPED, " + what)
	return ""
}

// programs returns the folder with the newest postgres and its initdb, or "" if there is none.
func programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	for _, path := range slices.Backward(found) {
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir
		}
	}
	return ""
}

func start(bin string, args ...string) (_ *Server, err error) {
	s := &Server{bin: bin, args: args}
	if s.dir, err = os.MkdirTemp("", "aftercall-postgres-"); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if s.as, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, fmt.Errorf("start PostgreSQL: %w", err)
		}
	}
	initdb := s.command(context.Background(), filepath.Join(bin, "initdb"),
		"-D", s.data(), "-U", "aftercall", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Start()
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("start PostgreSQL: there is neither a user postgres nor nobody")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	return cmd
}

// Start starts a server that was stopped.
func (s *Server) Start() error {
	args := append([]string{
		filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal",
	}, s.args...)
	// The shell ends the server when its input ends, which happens when this process ends. It also waits for that if the
	// server has ended by itself.
	const script = `log=$1; dir=$2; shift 2
		"$@" >>"$log" 2>&1 </dev/null & pid=$!
		cat >/dev/null
		kill -QUIT $pid 2>/dev/null; wait $pid; cd /; rm -rf "$dir"`
	cmd := s.command(context.Background(), "sh", append([]string{"-c", script, "postgres", filepath.Join(s.dir, "log"), s.dir}, args...)...)
	life, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if s.life == nil {
		s.life = &ended{life, cmd}
	} else {
		s.life = &both{s.life, &ended{life, cmd}}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := s.ping()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("start PostgreSQL: %w: %s", err, bytes.TrimSpace(log))
		}
	}
}

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.at(nil))
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

// ended is the life of one server process.
type ended struct {
	input io.Closer
	cmd   *exec.Cmd
}

func (e *ended) Close() error {
	_ = e.input.Close()
	return e.cmd.Wait()
}

type both struct{ first, second io.Closer }

func (b *both) Close() error {
	_ = b.second.Close()
	return b.first.Close()
}

// Stop stops the server at once, like a crash: sessions are cut off, and the next start recovers from the log.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	pid, err := s.PID()
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGQUIT))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(s.data(), "postmaster.pid"))
		return os.IsNotExist(err)
	}, 30*time.Second, 5*time.Millisecond, "PostgreSQL stops")
}

// PID returns the id of the server's first process, the parent of the others.
func (s *Server) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("find PostgreSQL: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(line)
}

// Restart starts a server that Stop has stopped.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	require.NoError(t, s.Start())
}

// URL returns the URL of a new, empty schema.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	at, err := s.Schema(t.Context())
	require.NoError(t, err)
	return at
}

// Schema makes an empty schema, and returns its URL.
func (s *Server) Schema(ctx context.Context) (string, error) {
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1))
	c, err := pgx.Connect(ctx, s.at(nil))
	if err != nil {
		return "", fmt.Errorf("make a schema: %w", err)
	}
	_, err = c.Exec(ctx, "CREATE SCHEMA "+name)
	return s.at(url.Values{"search_path": {name}}), errors.Join(err, c.Close(ctx))
}

func (s *Server) at(more url.Values) string {
	q := url.Values{"host": {s.dir}}
	maps.Copy(q, more)
	return "postgres://aftercall@/postgres?" + q.Encode()
}

// Connect connects to a URL, beside the code under test. The connection is closed with the test, if not before.
func Connect(t testing.TB, at string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}
