package handlers

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aftercall/aftercall/internal/inbox"
)

// AdminOptions configures the admin listener.
type AdminOptions struct {
	Checks   []Check             // of readiness
	Metrics  prometheus.Gatherer // nil: no metrics
	Inbox    DeadLetterInbox     // nil: no inbox here, as on a worker
	Reparse  inbox.Reparse       // reads the keys in a corrected body of a dead letter
	Wake     func()              // called after a requeue; may be nil
	Audit    Auditor             // records what was done; may be nil
	LogIn    *LogIn              // counts failed log-ins
	Token    string              // required of every request but health and metrics; empty: none
	Hosts    []string            // host names that it accepts besides addresses and localhost
	Loopback bool                // whether only this machine can reach it
}

// MountAdmin adds the routes of operators and their tools: health, readiness, metrics, profiles and the inbox. If other
// machines can reach the listener, all routes but health and metrics need the token. A web page that an operator visits can
// neither read nor change anything through it.
func MountAdmin(r gin.IRouter, o AdminOptions) {
	open := r.Group("", o.onlyOwnHosts(o.Loopback))
	open.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	open.GET("/readyz", func(c *gin.Context) { ready(c, o.Checks) })
	MountMetrics(open, o.Metrics)
	g := r.Group("", o.onlyOwnHosts(true), ownPages(), o.needsToken())
	if o.Inbox != nil {
		mountInbox(g, o)
	}
	g.GET("/debug/pprof", func(c *gin.Context) { c.Redirect(http.StatusFound, "/debug/pprof/") }) // its links are relative
	p := g.Group("/debug/pprof")
	p.GET("/", gin.WrapF(pprof.Index))
	p.GET("/:profile", func(c *gin.Context) {
		serve := map[string]http.HandlerFunc{
			"cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
		}[c.Param("profile")]
		if serve == nil {
			serve = pprof.Handler(c.Param("profile")).ServeHTTP
		}
		serve(c.Writer, c.Request)
	})
}

// MountMetrics adds GET /metrics, unless there are no metrics.
func MountMetrics(r gin.IRouter, metrics prometheus.Gatherer) {
	if metrics != nil { // a scrape may ask Temporal, so the number of scrapes at once is limited
		r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	}
}

// onlyOwnHosts refuses requests for foreign host names: a web page can point its own name at our address.
func (o AdminOptions) onlyOwnHosts(strict bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if strict && !o.own(c.Request.Host) {
			fail(c, problemForeignHost, "Use an address or localhost, or add the name to AFTERCALL_ADMIN_HOSTS.")
		}
	}
}

func (o AdminOptions) own(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(o.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// needsToken refuses requests without the token.
func (o AdminOptions) needsToken() gin.HandlerFunc {
	switch {
	case o.Token != "":
		return o.LogIn.token(o.Token, "aftercall admin", `Send AFTERCALL_ADMIN_TOKEN in the header "Authorization: Bearer <token>".`)
	case o.Loopback:
		return func(*gin.Context) {}
	}
	return func(c *gin.Context) {
		fail(c, problemNoToken, "Other machines can reach this listener. Set AFTERCALL_ADMIN_TOKEN, or set AFTERCALL_ADMIN_ADDR to a loopback address.")
	}
}

// ownPages refuses requests that a browser sends for another page, reads too: the page cannot see the answer, but taking a
// profile slows everything down.
func ownPages() gin.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		site := c.GetHeader("Sec-Fetch-Site")
		if err := guard.Check(c.Request); err != nil || site == "cross-site" || site == "same-site" {
			fail(c, problemCrossOrigin, "Use the aftercall command, or a page of this listener.")
		}
	}
}
