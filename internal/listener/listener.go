// Package listener accepts connections for the HTTP servers, and decides which stay when there are too many: those with
// valid credentials, so nobody without credentials can block a listener. It knows nothing of the requests.
package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// DefaultMax is the default for the connections of a listener.
const DefaultMax = 1024

// Shares of a listener's connections.
const (
	apiShare     = 2 // long polls and other API requests in progress: a half at most
	addressShare = 4 // connections of one address that never authenticated: a quarter at most
	newcomers    = 8 // reserved for connections that had no time to authenticate yet: an eighth
)

// settle is the time that a new connection has to authenticate although its address has used up its share.
const settle = 100 * time.Millisecond

// warnEvery is the shortest time between two warnings of a listener.
const warnEvery = time.Minute

// Options configures a listener.
type Options struct {
	Name    string         // in the log and in errors: the setting that holds the address
	Max     int            // connections at once; 0: DefaultMax
	Trusted []netip.Prefix // proxies: their addresses stand for many clients, and have no limit
	Log     *slog.Logger   // nil: no log
}

// Listener holds at most Max connections. While it is full, a new one replaces the oldest that never authenticated, then
// the oldest idle one that did. If all are authenticated and busy, the new one waits.
type Listener struct {
	net.Listener
	Options
	taken   int           // accepted connections, for Accept alone
	space   chan struct{} // has a token when a connection has ended
	done    chan struct{}
	shut    sync.Once
	shutErr error // of the first Close

	mu        sync.Mutex
	conns     []*conn
	kinds     [kinds]int
	addresses map[netip.Addr]int // connections that never authenticated, by address
	busy      int                // API requests under way
	trimming  bool               // trim will run
	closed    Closed
	warned    time.Time
}

// Stats counts a listener's current connections.
type Stats struct {
	Anonymous, API, Webhook int
	Busy                    int // API requests under way
	Max                     int
	Closed                  Closed
}

// Closed counts connections that were closed to make room, since the start.
type Closed struct {
	Full    uint64 // the listener was full
	Address uint64 // the address had its share
}

// Listen opens a TCP listener. Errors: those of net.Listen.
func Listen(ctx context.Context, addr string, o Options) (*Listener, error) {
	var lc net.ListenConfig
	inner, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Listener{
		Listener: inner, Options: o, space: make(chan struct{}, 1), done: make(chan struct{}), addresses: map[netip.Addr]int{},
	}, nil
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.taken++; l.taken%32 == 0 {
		runtime.Gosched() // lets accepted connections show their credentials before many more are accepted
	}
	c := &conn{Conn: raw, listener: l, address: l.counted(raw.RemoteAddr()), since: time.Now()}
	for !l.admit(c) {
		select {
		case <-l.space:
		case <-l.done:
			return nil, errors.Join(net.ErrClosed, raw.Close())
		}
	}
	return c, nil
}

// Close implements net.Listener. Connections stay open. It returns the same error at every call: a server whose Accept has
// ended closes its listener too, possibly first.
func (l *Listener) Close() error {
	l.shut.Do(func() {
		close(l.done)
		l.shutErr = l.Listener.Close()
	})
	return l.shutErr
}

// Stats counts the connections.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Anonymous: l.kinds[Anonymous], API: l.kinds[API], Webhook: l.kinds[Webhook],
		Busy: l.busy, Max: l.Max, Closed: l.closed,
	}
}

// Full returns an error while the listener has no room, or the API has used up its half.
func (l *Listener) Full() error {
	s := l.Stats()
	switch held := s.Anonymous + s.API + s.Webhook; {
	case held >= s.Max:
		return fmt.Errorf("%s is full: %d connections, of which %d never authenticated", l.Name, held, s.Anonymous)
	case s.Busy >= max(s.Max/apiShare, 1):
		return fmt.Errorf("%s answers %d API requests at once, which is all that the API may use of it", l.Name, s.Busy)
	default:
		return nil
	}
}

// admit makes room for a connection, and reports whether there is room.
func (l *Listener) admit(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	crowded := l.addresses[c.address] >= l.addressShare()
	if crowded && !l.trimming {
		l.trimming = true
		time.AfterFunc(settle, l.trim)
	}
	if len(l.conns) >= l.Max {
		leaving := l.dispensable()
		if crowded {
			leaving = l.oldest(func(o *conn) bool { return o.kind == Anonymous && o.address == c.address })
		}
		if leaving == nil {
			return false
		}
		l.drop(leaving)
		l.closed.Full++
		l.warn("listener is full: connections that never authenticated are closed", "connections", len(l.conns))
	}
	c.index = len(l.conns)
	l.conns = append(l.conns, c)
	l.count(c, 1)
	return true
}

func (l *Listener) addressShare() int { return max(l.Max/addressShare, 1) }

// trim closes the connections of addresses beyond their share, oldest first. A new connection keeps its time to
// authenticate: others behind the same address may have used up the share.
func (l *Listener) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimming = false
	before := time.Now().Add(-settle)
	byAge := slices.SortedFunc(slices.Values(l.conns), func(a, b *conn) int { return a.since.Compare(b.since) })
	for _, c := range byAge {
		if c.kind != Anonymous || l.addresses[c.address] <= l.addressShare() {
			continue
		}
		if c.since.After(before) {
			l.trimming = true
			time.AfterFunc(settle, l.trim)
			return
		}
		l.warn("an address holds its share of connections without authenticating: its oldest are closed", "address", c.address)
		l.drop(c)
		l.closed.Address++
	}
}

// drop closes a connection at once.
func (l *Listener) drop(c *conn) {
	l.remove(c)
	_ = c.Conn.Close()
}

// dispensable returns the connection that a full listener needs least, nil if it needs all.
func (l *Listener) dispensable() *conn {
	idle := func(k Kind) *conn { return l.oldest(func(c *conn) bool { return c.kind == k && c.idle }) }
	var leaving *conn
	if l.kinds[Anonymous] < max(l.Max/newcomers, 1) {
		if leaving = idle(API); leaving == nil {
			leaving = idle(Webhook)
		}
	}
	if leaving == nil {
		leaving = l.oldest(func(c *conn) bool { return c.kind == Anonymous })
	}
	return leaving
}

func (l *Listener) oldest(fits func(*conn) bool) *conn {
	var found *conn
	for _, c := range l.conns {
		if fits(c) && (found == nil || c.since.Before(found.since)) {
			found = c
		}
	}
	return found
}

// remove forgets a connection.
func (l *Listener) remove(c *conn) {
	if c.index < 0 {
		return
	}
	last := l.conns[len(l.conns)-1]
	l.conns[c.index], last.index = last, c.index
	l.conns = l.conns[:len(l.conns)-1]
	l.count(c, -1)
	c.index = -1
	select {
	case l.space <- struct{}{}:
	default:
	}
}

func (l *Listener) count(c *conn, by int) {
	l.kinds[c.kind] += by
	if c.kind != Anonymous || !c.address.IsValid() {
		return
	}
	if l.addresses[c.address] += by; l.addresses[c.address] == 0 {
		delete(l.addresses, c.address)
	}
}

func (l *Listener) warn(text string, args ...any) {
	if now := time.Now(); now.Sub(l.warned) >= warnEvery {
		l.warned = now
		l.Log.Warn(text, append([]any{"listener", l.Name}, args...)...) //nolint:sloglint // each caller gives a constant
	}
}

// counted returns the address under which a peer's connections are counted, invalid for a proxy.
func (l *Listener) counted(peer net.Addr) netip.Addr {
	parsed, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return netip.Addr{}
	}
	a := parsed.Addr().Unmap().WithZone("")
	for _, proxy := range l.Trusted {
		if proxy.Contains(a) {
			return netip.Addr{}
		}
	}
	return Counted(a)
}

// Counted returns the address under which a client is counted: its own, or in IPv6 its /64, which one client usually has
// to itself.
func Counted(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return a
}
