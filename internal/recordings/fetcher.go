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

// Options configures a Fetcher.
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

// Fetcher downloads recordings from the allowed hosts. It uses no proxy, no cookies and no credentials. It unpacks only
// what is gzip by its bytes, and follows few redirects, within the same hosts. It is safe for concurrent use.
type Fetcher struct {
	guard  *guard.Guard
	client *http.Client
	max    int64
	stall  time.Duration
}

// NewFetcher returns a fetcher. The error names the allowed host that is malformed.
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

// checkRedirect applies the rules of the first URL to a redirect.
func (f *Fetcher) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return refused(ReasonRedirects, via[0].URL.Host)
	}
	req.Header.Del("Referer") // it would hand the signed URL to the next host
	return asFetchError(f.guard.CheckURL(req.URL))
}

// Host returns the host:port of a URL, by which concurrent downloads per host are limited; "" for no URL.
func Host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return guard.Place(u)
}

// Fetch downloads a recording into an empty file, which it may rewind and truncate. It calls progress, if not nil, with the
// size of the file as it grows. It resumes a broken connection if the host allows it.
//
// Errors: *FetchError for every fault of the URL or its host; the context's error; any other is the file's.
func (f *Fetcher) Fetch(ctx context.Context, rawURL string, into *os.File, progress func(size int64)) (Audio, error) {
	u, err := url.Parse(strings.ReplaceAll(rawURL, "&amp;", "&")) // some senders copy a URL from a page
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
