// Package guard decides which hosts we connect to when somebody else names the URL: to download a recording, or to post a
// callback.
package guard

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

// Options configure which hosts a Guard allows.
type Options struct {
	AllowedHosts []string // exact "host" or "host:port"; a private address only as literal "ip:port"
	AllowHTTP    bool     // plain http too
	AllowPrivate bool     // a name may lead to a private address, or to this machine; never to a link-local one
	Resolver     *net.Resolver
}

// Reasons of a Refusal.
const (
	ReasonScheme      = "scheme-not-allowed"
	ReasonCredentials = "credentials-in-url"
	ReasonHost        = "host-not-allowed"
	ReasonAddress     = "address-not-allowed" // the name resolves to an address that is not public
)

// Refusal says why no connection is made while settings and URL stay the same. It never shows the URL.
type Refusal struct {
	Reason string
	Host   string // host, or host:port
}

func (e *Refusal) Error() string { return strings.ToLower(e.Host) + ": " + e.Reason }

func refused(reason, host string) error { return &Refusal{reason, host} }

// Guard decides which hosts we connect to. It checks twice: the URL, first and at every redirect, and the resolved
// address of each connection before it is made.
type Guard struct {
	allowHTTP, allowPrivate bool
	// places are the allowed host:port pairs, each with the guardian of its address. A guardian allows only public
	// addresses and this port, and a private address only if exactly that address and port were named as a literal. A
	// name therefore never leads to a private address, whatever DNS says.
	places map[string]*ssrf.Guardian
	dialer net.Dialer
	seen   func(address string) error // see After
}

const (
	portHTTP  = "80"
	portHTTPS = "443"
)

// New makes a guard. The error names the invalid allowed host.
func New(o Options) (*Guard, error) {
	g := &Guard{
		allowHTTP: o.AllowHTTP, allowPrivate: o.AllowPrivate, places: map[string]*ssrf.Guardian{},
		dialer: net.Dialer{Timeout: 10 * time.Second, Resolver: o.Resolver},
	}
	for _, entry := range o.AllowedHosts {
		if err := g.allow(strings.ToLower(strings.TrimSpace(entry))); err != nil {
			return nil, fmt.Errorf("allowed host %q: %w", entry, err)
		}
	}
	return g, nil
}

// allow adds an entry: "host", with the default ports, or "host:port".
func (g *Guard) allow(entry string) error {
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

// add allows a place. exact says that its port was named; only then is a literal private address allowed.
func (g *Guard) add(host, port string, exact bool) {
	n, _ := strconv.ParseUint(port, 10, 16)
	options := []ssrf.Option{ssrf.WithPorts(uint16(n))}
	if g.allowPrivate {
		options = append(options, ssrf.WithAllowedV4Prefixes(private4...), ssrf.WithAllowedV6Prefixes(private6...))
	}
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

// private4 and private6 are the addresses of one's own network and machine, without the link-local ones, which clouds use
// for their credentials.
var (
	private4 = []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	}
	private6 = []netip.Prefix{netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("::1/128")}
)

func isLiteral(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// CheckURL returns an error unless a request to the URL is allowed. Errors: *Refusal.
func (g *Guard) CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !g.allowHTTP):
		return refused(ReasonScheme, u.Host)
	case u.User != nil:
		return refused(ReasonCredentials, u.Host)
	case g.places[Place(u)] == nil:
		return refused(ReasonHost, u.Host)
	}
	return nil
}

// Place returns the host:port that a URL leads to.
func Place(u *url.URL) string {
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

// After sets a hook with which a test sees, and may stop, every allowed connection before a packet leaves.
func (g *Guard) After(hook func(address string) error) { g.seen = hook }

// Dial connects to an allowed place, if its resolved address is allowed too. Errors: *Refusal, and those of
// net.Dialer.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
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

// nat64 is the prefix of addresses through which a gateway reaches IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// safe asks the guardian. An address of a NAT64 gateway is as safe as the IPv4 address in it.
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
