package listener

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Kind is the kind of credentials that a connection has shown.
type Kind int

// Kinds.
const (
	Anonymous Kind = iota // nothing yet
	API
	Webhook
	kinds // the number of kinds
)

// conn is a connection of a listener, whose lock guards kind, idle, since and index.
type conn struct {
	net.Conn
	listener *Listener
	address  netip.Addr // under which it is counted; invalid: not counted
	kind     Kind
	idle     bool
	since    time.Time // when it was opened or became idle
	index    int       // in the listener's connections; -1: no longer there
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.remove(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite closes the sending side and lets the peer read the rest, if the connection supports that.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

type connKey struct{}

// withConn puts a connection into the context of its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, unwrap(c))
}

// unwrap returns the connection below TLS.
func unwrap(c net.Conn) net.Conn {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		return wrapped.NetConn()
	}
	return c
}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// watch records whether a connection is idle.
func watch(c net.Conn, state http.ConnState) {
	known, ok := unwrap(c).(*conn)
	if !ok || state != http.StateIdle && state != http.StateActive {
		return
	}
	known.listener.mu.Lock()
	defer known.listener.mu.Unlock()
	if known.idle = state == http.StateIdle; known.idle && known.kind != Anonymous {
		known.since = time.Now()
		select {
		case known.listener.space <- struct{}{}: // a connection that waits for room may take its place
		default:
		}
	}
}

// Authenticated records that the request of this context has valid credentials. Its connection is never closed while it
// is busy.
func Authenticated(ctx context.Context, k Kind) {
	c := connOf(ctx)
	if c == nil {
		return
	}
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.index < 0 || c.kind == k {
		return
	}
	c.listener.count(c, -1)
	c.kind = k
	c.listener.count(c, 1)
}

// IsAnonymous reports whether the connection of a request never authenticated.
func IsAnonymous(r *http.Request) bool {
	c := connOf(r.Context())
	if c == nil {
		return false
	}
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	return c.kind == Anonymous
}

// EnterAPI counts an API request until leave is called. It returns false, and no leave, while the API uses its half of the
// listener: the rest is the webhook's.
func EnterAPI(ctx context.Context) (leave func(), ok bool) {
	c := connOf(ctx)
	if c == nil {
		return func() {}, true
	}
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy >= max(l.Max/apiShare, 1) {
		return nil, false
	}
	l.busy++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy--
	}, true
}
