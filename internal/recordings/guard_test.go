package recordings_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/aftercall/aftercall/internal/recordings"
)

func TestAllowedHostsMustBeExact(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "*.example.com", "https://example.com", "example.com/path", "user@example.com", "example.com:", "example.com:0", "example.com:https", "example.com:70000", ":443", "a:b:c"} {
		_, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{entry}})
		require.Error(t, err, "%q", entry)
	}
	_, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{"Example.com", "example.com:8443", "127.0.0.1:8081", "[::1]:8081", "::1", " spaced.example.com "}})
	require.NoError(t, err)
}

// noPackets returns a fetcher whose connections all fail before a packet leaves, and counts them.
func noPackets(t *testing.T, o recordings.Options) (*recordings.Fetcher, *atomic.Int64) {
	t.Helper()
	f, err := recordings.NewFetcher(o)
	require.NoError(t, err)
	var let atomic.Int64
	f.AfterGuard(func(string) error {
		let.Add(1)
		return errors.New("no packet leaves a test")
	})
	return f, &let
}

func TestGuardRefusesURLs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, allowed, url, reason string
		plain                      bool
	}{
		{"http", "rec.example.com", "http://rec.example.com/x", recordings.ReasonScheme, false},
		{"file", "rec.example.com", "file://rec.example.com/etc/passwd", recordings.ReasonScheme, true},
		{"no scheme", "rec.example.com", "//rec.example.com/x", recordings.ReasonScheme, true},
		{"no host", "rec.example.com", "https:///x", recordings.ReasonBadURL, false},
		{"nonsense", "rec.example.com", "https://rec.example.com/%zz", recordings.ReasonBadURL, false},
		{"other host", "rec.example.com", "https://other.example.com/x", recordings.ReasonHost, false},
		{"host below", "rec.example.com", "https://a.rec.example.com/x", recordings.ReasonHost, false},
		{"host as a prefix", "rec.example.com", "https://rec.example.com.evil.example/x", recordings.ReasonHost, false},
		{"other port", "rec.example.com", "https://rec.example.com:8443/x", recordings.ReasonHost, false},
		{"credentials", "rec.example.com", "https://user:pass@rec.example.com/x", recordings.ReasonCredentials, false},
		{"host in the user part", "rec.example.com", "https://rec.example.com@evil.example/x", recordings.ReasonCredentials, false},
		{"metadata address", "169.254.169.254", "http://169.254.169.254/latest", recordings.ReasonAddress, true},
		{"loopback without its port", "127.0.0.1", "http://127.0.0.1/x", recordings.ReasonAddress, true},
		{"private without its port", "10.1.2.3", "https://10.1.2.3/x", recordings.ReasonAddress, false},
		{"IPv6 loopback", "::1", "http://[::1]/x", recordings.ReasonAddress, true},
		{"mapped address", "::ffff:169.254.169.254", "http://[::ffff:169.254.169.254]/x", recordings.ReasonAddress, true},
		{"a name for loopback", "localhost:8081", "http://localhost:8081/x", recordings.ReasonAddress, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, let := noPackets(t, recordings.Options{AllowedHosts: []string{c.allowed}, AllowHTTP: c.plain})
			_, _, err := fetch(t, f, c.url)
			requireFetchError(t, err, recordings.VerdictRefused, c.reason)
			require.Zero(t, let.Load())
		})
	}
}

func TestGuardLetsExactlyNamedPlacesThrough(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ allowed, url, address string }{
		{"127.0.0.1:8081", "http://127.0.0.1:8081/x", "127.0.0.1:8081"},
		{"10.1.2.3:8443", "https://10.1.2.3:8443/x", "10.1.2.3:8443"},
		{"203.0.114.7", "https://203.0.114.7/x", "203.0.114.7:443"},
		{"203.0.114.7", "http://203.0.114.7/x", "203.0.114.7:80"},
	} {
		f, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{c.allowed}, AllowHTTP: true})
		require.NoError(t, err)
		var dialled string
		f.AfterGuard(func(address string) error {
			dialled = address
			return errors.New("no packet leaves a test")
		})
		_, _, err = fetch(t, f, c.url)
		requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonUnreachable)
		require.Equal(t, c.address, dialled)
	}
}

func TestProxyFromTheEnvironmentIsNotUsed(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	f, let := noPackets(t, recordings.Options{AllowedHosts: []string{"203.0.114.7"}, AllowHTTP: true})
	_, _, err := fetch(t, f, "http://203.0.114.7/x")
	require.Error(t, err)
	require.False(t, proxied)
	require.EqualValues(t, 1, let.Load())
}

func TestF30RedirectsAreHeldToTheSameRules(t *testing.T) {
	t.Parallel()
	body := wav(1000)
	to := func(location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}
	}
	for _, c := range []struct{ name, location, reason string }{
		{"metadata address", "http://169.254.169.254/latest/meta-data/", recordings.ReasonHost},
		{"other port of this machine", "http://127.0.0.1:1/", recordings.ReasonHost},
		{"file", "file:///etc/passwd", recordings.ReasonScheme},
		{"other host with credentials", "http://user:pass@evil.example/", recordings.ReasonCredentials},
		{"itself, for ever", "/again", recordings.ReasonRedirects},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := serve(t, to(c.location))
			_, _, err := h.fetch(t)
			requireFetchError(t, err, recordings.VerdictRefused, c.reason)
			require.LessOrEqual(t, h.asked.Load(), int64(4))
		})
	}
	t.Run("three within the host are followed, and the signed URL is not passed on", func(t *testing.T) {
		var referer string
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			referer += r.Header.Get("Referer")
			var n int
			if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil {
				n = 0
			}
			if n < 3 {
				http.Redirect(w, r, fmt.Sprintf("/%d", n+1), http.StatusFound)
				return
			}
			_, _ = w.Write(body)
		})
		got, _, err := h.fetch(t)
		require.NoError(t, err)
		require.Equal(t, body, got)
		require.Empty(t, referer)
	})
	t.Run("from https to http", func(t *testing.T) {
		plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		secure := httptest.NewTLSServer(to(plain.URL))
		defer secure.Close()
		roots := x509.NewCertPool()
		roots.AddCert(secure.Certificate())
		f, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{strings.TrimPrefix(secure.URL, "https://"), strings.TrimPrefix(plain.URL, "http://")}, RootCAs: roots})
		require.NoError(t, err)
		_, _, err = fetch(t, f, secure.URL+"/rec.wav"+secret)
		requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonScheme)
	})
}

func TestWhyAConnectionIsNotSafeIsSaid(t *testing.T) {
	t.Parallel()
	whole := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav(10)) })
	authority := httptest.NewTLSServer(whole)
	defer authority.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.Certificate())
	for name, c := range map[string]struct {
		configure func(*tls.Config)
		host      string
		trusts    *x509.CertPool
		verdict   recordings.Verdict
		reason    string
	}{
		"unknown authority": {nil, "127.0.0.1", nil, recordings.VerdictTLS, recordings.ReasonTLSAuthority},
		"another name":      {nil, "127.0.0.2", trusted, recordings.VerdictTLS, recordings.ReasonTLSName},
		"old version": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "127.0.0.1", trusted,
			recordings.VerdictTLS, recordings.ReasonTLSVersion},
		"wants a certificate of ours": {func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, "127.0.0.1", trusted,
			recordings.VerdictTLS, recordings.ReasonTLSWantsOurs},
		"breaks off and says so": {func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }
		}, "127.0.0.1", trusted, recordings.VerdictTLS, recordings.ReasonTLSAlert},
	} {
		t.Run(name, func(t *testing.T) {
			secure := httptest.NewUnstartedServer(whole)
			secure.Config.ErrorLog = log.New(io.Discard, "", 0)
			secure.TLS = &tls.Config{}
			if c.configure != nil {
				c.configure(secure.TLS)
			}
			secure.StartTLS()
			defer secure.Close()
			at := strings.Replace(strings.TrimPrefix(secure.URL, "https://"), "127.0.0.1", c.host, 1)
			if c.host != "127.0.0.1" {
				l, err := net.Listen("tcp", at)
				require.NoError(t, err)
				defer l.Close()
				go func() { _ = http.Serve(tls.NewListener(l, secure.TLS), whole) }()
			}
			f, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{at}, RootCAs: c.trusts})
			require.NoError(t, err)
			_, _, err = fetch(t, f, "https://"+at+"/rec.wav"+secret)
			requireFetchError(t, err, c.verdict, c.reason)
		})
	}
	raw := func(t *testing.T, answer string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 100))
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}()
		return l.Addr().String()
	}
	for name, c := range map[string]struct {
		answer, reason string
		verdict        recordings.Verdict
	}{
		"speaks plain HTTP": {"HTTP/1.1 400 Bad Request\r\n\r\n", recordings.ReasonTLSNotSpoken, recordings.VerdictTLS},
		"hangs up":          {"", recordings.ReasonTLSInterrupted, recordings.VerdictTransient},
	} {
		t.Run(name, func(t *testing.T) {
			at := raw(t, c.answer)
			f, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{at}})
			require.NoError(t, err)
			_, _, err = fetch(t, f, "https://"+at+"/rec.wav"+secret)
			requireFetchError(t, err, c.verdict, c.reason)
		})
	}
}

// TestNAT64AddressIsJudgedByTheOneInIt: in a network with IPv6 only, DNS gives such addresses for every IPv4 host.
func TestNAT64AddressIsJudgedByTheOneInIt(t *testing.T) {
	t.Parallel()
	for address, public := range map[string]bool{
		"64:ff9b::5db8:d822": true, // 93.184.216.34
		"64:ff9b::7f00:1":    false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::a00:1": false, "64:ff9b::6440:1": false,
		"64:ff9b:1::5db8:d822": false, "2001:db8::5db8:d822": false,
	} {
		dns := serveNames(t, address)
		f, let := noPackets(t, recordings.Options{AllowedHosts: []string{"rec.example.com"}, AllowHTTP: true, Resolver: dns.resolver()})
		_, _, err := fetch(t, f, "http://rec.example.com/x")
		require.Error(t, err)
		require.Equal(t, public, let.Load() > 0, address)
	}
}

func TestF31NameThatTurnsPrivateIsRefusedAtTheDial(t *testing.T) {
	t.Parallel()
	dns := serveNames(t, "203.0.114.7", "127.0.0.1", "169.254.169.254", "10.0.0.1")
	f, let := noPackets(t, recordings.Options{AllowedHosts: []string{"rec.example.com"}, AllowHTTP: true, Resolver: dns.resolver()})
	_, _, err := fetch(t, f, "http://rec.example.com/x")
	requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonUnreachable)
	require.EqualValues(t, 1, let.Load(), "a public address is dialled")
	for range 3 {
		_, _, err := fetch(t, f, "http://rec.example.com/x")
		requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonAddress)
	}
	require.EqualValues(t, 1, let.Load(), "a private one never is")
}

func TestF31PrivateLiteralOnTheListDoesNotOpenItToNames(t *testing.T) {
	t.Parallel()
	h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav(10)) })
	address := netip.MustParseAddrPort(strings.TrimPrefix(h.URL, "http://"))
	name := fmt.Sprintf("rec.example.com:%d", address.Port())
	f, let := noPackets(t, recordings.Options{AllowedHosts: []string{address.String(), name}, AllowHTTP: true, Resolver: serveNames(t, "127.0.0.1").resolver()})
	_, _, err := fetch(t, f, "http://"+name+"/x")
	requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonAddress)
	require.Zero(t, let.Load())
}

func TestUnknownNameIsTransient(t *testing.T) {
	t.Parallel()
	f, _ := noPackets(t, recordings.Options{AllowedHosts: []string{"rec.example.com"}, Resolver: serveNames(t).resolver()})
	_, _, err := fetch(t, f, "https://rec.example.com/x")
	requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonUnresolved)
}

// names is a DNS server on this machine. It answers each query for an address with the next answer, and repeats the last
// one for ever.
type names struct {
	conn    net.PacketConn
	answers []string
}

func serveNames(t *testing.T, answers ...string) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &names{conn: conn, answers: answers}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(n.answer(buf[:size]), from)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return n
}

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	switch {
	case len(n.answers) == 0:
		m.RCode = dnsmessage.RCodeNameError
	case netip.MustParseAddr(n.answers[0]).Is6():
		if q.Type == dnsmessage.TypeAAAA {
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(n.answers[0]).As16()}}}
		}
	case q.Type == dnsmessage.TypeA:
		a := netip.MustParseAddr(n.answers[0]).As4()
		if len(n.answers) > 1 {
			n.answers = n.answers[1:]
		}
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: a}}}
	}
	packed, err := m.Pack()
	if err != nil {
		return binary.BigEndian.AppendUint16(nil, m.ID)
	}
	return packed
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}
