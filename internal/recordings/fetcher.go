package recordings

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/guard"
)

// Options says what a Fetcher may do.
type Options struct {
	AllowedHosts []string // exact "host" or "host:port"; a private address only as literal "ip:port"
	AllowHTTP    bool     // plain http too
	MaxBytes     int64    // of one recording; default 200 MiB
	StallTimeout time.Duration
	RootCAs      *x509.CertPool // nil: the system's
	Resolver     *net.Resolver  // nil: the system's
}

const (
	defaultMaxBytes     = 200 << 20
	defaultStallTimeout = 20 * time.Second

	maxRedirects = 3
	maxResumes   = 5 // in one Fetch, each after progress
)

// Fetcher downloads recordings from the hosts that were named to it. It uses no proxy, no cookies and no credentials,
// unpacks nothing but what is gzip by its bytes, and follows few redirects, within the same hosts. It is safe for concurrent use.
type Fetcher struct {
	guard  *guard.Guard
	client *http.Client
	max    int64
	stall  time.Duration
}

// NewFetcher makes a fetcher. The error names the allowed host that cannot be one.
func NewFetcher(o Options) (*Fetcher, error) {
	g, err := guard.New(guard.Options{AllowedHosts: o.AllowedHosts, AllowHTTP: o.AllowHTTP, Resolver: o.Resolver})
	if err != nil {
		return nil, err
	}
	f := &Fetcher{guard: g, max: o.MaxBytes, stall: o.StallTimeout}
	if f.max <= 0 {
		f.max = defaultMaxBytes
	}
	if f.stall <= 0 {
		f.stall = defaultStallTimeout
	}
	f.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect on our behalf, past the guard
			DialContext:            g.Dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			DisableCompression:     true,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: f.checkRedirect,
	}
	return f, nil
}

// checkRedirect holds a redirect to the same rules as the first URL.
func (f *Fetcher) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return refused(ReasonRedirects, via[0].URL.Host)
	}
	req.Header.Del("Referer") // it would hand the signed URL to the next host
	return asFetchError(f.guard.CheckURL(req.URL))
}

// Host is the host:port that a URL leads to, for limiting what is under way with one host; "" for no URL.
func Host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return guard.Place(u)
}

// Fetch downloads a recording into an empty file, which it may rewind and cut. progress, where not nil, is told the
// bytes in the file as they grow. A connection that breaks is resumed where the host allows it.
//
// Errors: *FetchError for all that the URL and its host are to blame for; the context's error; any other is the file's.
func (f *Fetcher) Fetch(ctx context.Context, rawURL string, into *os.File, progress func(size int64)) (Audio, error) {
	u, err := url.Parse(strings.ReplaceAll(rawURL, "&amp;", "&")) // some senders take a URL from a page
	if err != nil || u.Host == "" {
		return Audio{}, refused(ReasonBadURL, "")
	}
	if err := asFetchError(f.guard.CheckURL(u)); err != nil {
		return Audio{}, err
	}
	u.Fragment = ""
	d := &download{fetcher: f, url: u, file: into, hash: sha256.New(), progress: progress}
	for resumes := 0; ; resumes++ {
		before := d.size
		err := d.pull(ctx)
		if err == nil {
			return d.finish()
		}
		if !d.resumable(err) || d.size <= before || resumes == maxResumes {
			return Audio{}, err
		}
	}
}
