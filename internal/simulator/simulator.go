package simulator

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// hangLimit bounds, in real time, every connection that is kept hanging on purpose.
const hangLimit = 2 * time.Minute

// Simulator is a running stand-in for the provider. All methods are safe for concurrent use.
type Simulator struct {
	opts    Options
	log     *slog.Logger
	ids     *ids
	endings map[string]ending
	client  *http.Client

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	server *http.Server
	addr   string

	life   sync.Mutex // guards closed against running
	closed bool
	active sync.WaitGroup // handlers, scripts and deliveries

	mu         sync.Mutex // guards what follows, and every call, leg, mask and recording
	webhook    Webhook
	book       book
	masks      maskBook
	recordings recordingBook
	faults     map[target]Faults
	deliveries []Delivery
	playing    int
}

// New returns a simulator that does not listen yet. It fails on invalid options.
func New(opts Options) (*Simulator, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("configure simulator: %w", err)
	}
	if _, err := opts.listenAddr(); err != nil {
		return nil, fmt.Errorf("configure simulator: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Simulator{
		opts: opts, log: opts.Log, ids: newIDs(opts.Seed), endings: endings(), client: newNotifyClient(opts.TLS),
		ctx: ctx, cancel: cancel, webhook: opts.Webhook,
		book: newBook(), masks: newMaskBook(), recordings: newRecordingBook(), faults: map[target]Faults{},
	}, nil
}

// Start listens and serves until Close. It must be called once.
func (s *Simulator) Start() error {
	addr, err := s.opts.listenAddr()
	if err != nil {
		return fmt.Errorf("start simulator: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("start simulator: %w", err)
	}
	s.addr = listener.Addr().String()
	s.server = &http.Server{
		Handler:           s.tracked(s.routes()),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.spawn(func(context.Context) { _ = s.server.Serve(listener) })
	s.log.Info("simulator listens", "addr", s.addr, "speed", s.opts.Speed)
	return nil
}

// Addr returns the listener's host and port, empty before Start.
func (s *Simulator) Addr() string { return s.addr }

// URL returns the root of the listener, without a trailing slash; /simulator and /recordings are below it.
func (s *Simulator) URL() string { return "http://" + s.addr }

// BaseURL returns the provider's base URL for a client; it ends in /v1.
func (s *Simulator) BaseURL() string { return s.URL() + "/v1" }

// publicURL returns the start of recording URLs.
func (s *Simulator) publicURL() string {
	if s.opts.PublicURL != "" {
		return strings.TrimSuffix(s.opts.PublicURL, "/")
	}
	return s.URL()
}

// Close stops everything at once and returns when no goroutine of the simulator is left. It cuts running scripts short. It
// may be repeated.
func (s *Simulator) Close() error {
	s.life.Lock()
	s.closed = true
	s.life.Unlock()
	s.cancel()
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	s.active.Wait()
	s.client.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close simulator: %w", err)
	}
	return nil
}

// Idle reports whether every accepted call and masked call has sent its last notification.
func (s *Simulator) Idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.playing == 0
}

// spawn runs f on a goroutine that Close waits for. It does nothing after Close.
func (s *Simulator) spawn(f func(context.Context)) {
	if !s.enter() {
		return
	}
	go func() {
		defer s.active.Done()
		f(s.ctx)
	}()
}

func (s *Simulator) enter() bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// tracked lets Close wait for the handlers too.
func (s *Simulator) tracked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.active.Done()
		next.ServeHTTP(w, r)
	})
}

// scaled turns simulated time into real time.
func (s *Simulator) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.opts.Speed)
}

// pause waits for a real duration. It returns false if the simulator or ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hang keeps a request open until its client, the limit or Close ends it, and then breaks the connection.
func (s *Simulator) hang(r *http.Request) {
	timer := time.NewTimer(hangLimit)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	case <-timer.C:
	}
	panic(http.ErrAbortHandler)
}
