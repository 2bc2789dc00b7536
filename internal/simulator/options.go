package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	defaultApplicationID = "simulated-application"
	defaultMaskingNumber = "+966115200000"
	defaultLinkLifetime  = 72 * time.Hour
)

// Webhook is the destination of notifications.
type Webhook struct {
	// URL is absolute, http or https.
	URL string
	// Username and Password are sent as HTTP Basic if Username is not empty.
	Username, Password string
}

// Options configure a Simulator. The zero value works.
type Options struct {
	// Addr is the TCP address to listen on; a missing host means 127.0.0.1, an empty Addr a free port of it.
	Addr string
	// AllowNonLoopback permits listening on, and notifying, addresses that are not loopback (for containers).
	AllowNonLoopback bool
	// PublicURL is the base of recording URLs; empty means http:// and the listener's address.
	PublicURL string
	// Speed divides every simulated duration; 0 means 1.
	Speed float64
	// Seed makes identifiers repeatable; 0 means random ones, which a new simulator beside kept data needs.
	Seed int64
	// Log receives events, with masked numbers; nil discards them.
	Log *slog.Logger
	// Webhook is registered from the start if its URL is not empty.
	Webhook Webhook
	// RetryNotifications is how often a notification without a 2xx response is retried, with back-off from one simulated
	// second. The provider documents no retry, hence 0.
	RetryNotifications int
	// RefreshDeadLinks makes the call log return a fresh link if the notified one is dead or expired.
	RefreshDeadLinks bool
	// LinkLifetime is how long a recording URL works, in simulated time; 0 means the documented 72 hours.
	LinkLifetime time.Duration
	// MaskPaths limits the masks API to the paths of the "guide" or of the "openapi" document; the other paths then return
	// 403. Empty serves both.
	MaskPaths string
	// MaskingNumber is the caller ID of every masking session; empty means a made-up one.
	MaskingNumber string
	// ApplicationID is the applicationId of every notification; empty means "simulated-application".
	ApplicationID string

	// TLS is for notifications over https; nil trusts the system's authorities.
	TLS *tls.Config

	// OnPost, if set, chooses the fault for a request to create a call; FaultNone leaves it to the random faults,
	// then to the number's ending. It runs on the request's goroutine.
	OnPost func(Post) Fault
	// OnMaskPost is OnPost for masking sessions; Post.To and Post.CallerID hold the parties.
	OnMaskPost func(Post) Fault
	// OnCallAccepted is called for each call after its acceptance and before the API's response.
	OnCallAccepted func(Call)
	// OnLookup, if set, returns the HTTP status of a call log request; 0 leaves the request alone.
	OnLookup func(id string) int
	// OnDelivery is called after each try to deliver a notification.
	OnDelivery func(Delivery)
}

func (o Options) withDefaults() Options {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LinkLifetime == 0 {
		o.LinkLifetime = defaultLinkLifetime
	}
	if o.MaskingNumber == "" {
		o.MaskingNumber = defaultMaskingNumber
	}
	if o.ApplicationID == "" {
		o.ApplicationID = defaultApplicationID
	}
	return o
}

func (o Options) validate() error {
	if o.Speed < 0 {
		return errors.New("speed is negative")
	}
	if o.MaskPaths != "" && o.MaskPaths != "guide" && o.MaskPaths != "openapi" {
		return fmt.Errorf("mask paths %q: want guide or openapi", o.MaskPaths)
	}
	if o.PublicURL != "" {
		if u, err := url.Parse(o.PublicURL); err != nil || u.Host == "" {
			return fmt.Errorf("public url %q: want an absolute URL", o.PublicURL)
		}
	}
	if o.Webhook.URL != "" {
		return o.checkWebhook(o.Webhook.URL)
	}
	return nil
}

// listenAddr completes Addr, and refuses an address that other machines could reach.
func (o Options) listenAddr() (string, error) {
	if o.Addr == "" {
		return "127.0.0.1:0", nil
	}
	host, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return "", fmt.Errorf("read address %q: %w", o.Addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if !o.AllowNonLoopback && !isLoopback(host) {
		return "", fmt.Errorf("address %q is not loopback; the simulator asks no credentials", o.Addr)
	}
	return net.JoinHostPort(host, port), nil
}

// checkWebhook keeps a trial on this machine: a foreign server must not be notified of a made-up call.
func (o Options) checkWebhook(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("webhook url: want an absolute http or https URL")
	}
	if !o.AllowNonLoopback && !isLoopback(u.Hostname()) {
		return fmt.Errorf("webhook host %q is not loopback", u.Hostname())
	}
	return nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
