package recordings

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// guard decides whom we connect to. It is asked twice: with the URL, first and at every redirect, and with the
// resolved address when a connection is about to be made.
type guard struct {
	allowHTTP bool
	// places are the allowed host:port pairs, each with the guardian of its address: only public addresses and this
	// port, except that a private address is let through where exactly it was named, with its port, as a literal. A
	// name therefore never leads to a private address, whatever DNS says.
	places map[string]*ssrf.Guardian
	dialer net.Dialer
	seen   func(address string) error // a test's hook behind the guardian
}

const (
	portHTTP  = "80"
	portHTTPS = "443"
)

func newGuard(o Options) (*guard, error) {
	g := &guard{allowHTTP: o.AllowHTTP, places: map[string]*ssrf.Guardian{}, dialer: net.Dialer{Timeout: 10 * time.Second, Resolver: o.Resolver}}
	for _, entry := range o.AllowedHosts {
		if err := g.allow(strings.ToLower(strings.TrimSpace(entry))); err != nil {
			return nil, fmt.Errorf("allowed recording host %q: %w", entry, err)
		}
	}
	return g, nil
}

// allow adds an entry: "host", which stands for the default ports, or "host:port".
func (g *guard) allow(entry string) error {
	if entry == "" || strings.ContainsAny(entry, "/*?@ %") {
		return fmt.Errorf("must be an exact host or host:port")
	}
	host, port, err := net.SplitHostPort(entry)
	if err != nil {
		host = strings.Trim(entry, "[]")
		if strings.Contains(host, ":") && !isLiteral(host) {
			return fmt.Errorf("must be an exact host or host:port")
		}
		g.add(host, portHTTPS, false)
		g.add(host, portHTTP, false)
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return fmt.Errorf("must be an exact host or host:port")
	}
	g.add(host, port, true)
	return nil
}

// add allows a place. exact says that its port was named: a literal private address is allowed only then.
func (g *guard) add(host, port string, exact bool) {
	n, _ := strconv.ParseUint(port, 10, 16)
	options := []ssrf.Option{ssrf.WithPorts(uint16(n))}
	if ip, err := netip.ParseAddr(host); err == nil && exact {
		only := netip.PrefixFrom(ip, ip.BitLen())
		if ip.Is4() {
			options = append(options, ssrf.WithAllowedV4Prefixes(only))
		} else {
			options = append(options, ssrf.WithAllowedV6Prefixes(only))
		}
	}
	g.places[net.JoinHostPort(host, port)] = ssrf.New(options...)
}

func isLiteral(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// checkURL says whether a URL may be asked for. Errors: FetchError with VerdictRefused.
func (g *guard) checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !g.allowHTTP):
		return refused(ReasonScheme, u.Host)
	case u.User != nil:
		return refused(ReasonCredentials, u.Host)
	case g.places[place(u)] == nil:
		return refused(ReasonHost, u.Host)
	}
	return nil
}

// place is the host:port that a URL leads to.
func place(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = portHTTP
	default:
		port = portHTTPS
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dial connects to an allowed place, if its address is allowed when it is resolved.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	guardian := g.places[strings.ToLower(address)]
	if guardian == nil {
		return nil, refused(ReasonHost, address)
	}
	d := g.dialer
	d.Control = func(network, resolved string, c syscall.RawConn) error {
		if !safe(guardian, network, resolved, c) {
			return refused(ReasonAddress, address)
		}
		if g.seen != nil {
			return g.seen(resolved)
		}
		return nil
	}
	return d.DialContext(ctx, network, address)
}

// nat64 is the prefix of the addresses behind which a gateway reaches IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// safe asks the guardian. An address of a NAT64 gateway is as safe as the one in it.
func safe(guardian *ssrf.Guardian, network, resolved string, c syscall.RawConn) bool {
	if guardian.Safe(network, resolved, c) == nil {
		return true
	}
	at, err := netip.ParseAddrPort(resolved)
	if err != nil || !nat64.Contains(at.Addr()) {
		return false
	}
	inside := netip.AddrFrom4([4]byte(at.Addr().AsSlice()[12:]))
	return guardian.Safe("tcp4", netip.AddrPortFrom(inside, at.Port()).String(), c) == nil
}
