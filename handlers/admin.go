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

// AdminOptions are what the admin listener needs.
type AdminOptions struct {
	Checks   []Check             // of readiness
	Metrics  prometheus.Gatherer // nil: no metrics
	Inbox    DeadLetterInbox     // nil: no inbox here, as on a worker
	Reparse  inbox.Reparse       // reads the keys of a dead letter that had none
	Wake     func()              // called when a dead letter was put back; may be nil
	Audit    Auditor             // told what was done; may be nil
	LogIn    *LogIn              // where failed log-ins are counted
	Token    string              // that every request needs, but for health and metrics; empty: none
	Hosts    []string            // names under which it answers, beside addresses and localhost
	Loopback bool                // whether it can be reached from this machine alone
}

// MountAdmin adds what operators and their tools use: health, readiness, metrics, profiles and the inbox. Where others
// than this machine can reach the listener, everything but health and metrics needs the token. A web page that an
// operator looks at can neither change nor read anything through it.
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

// MountMetrics adds GET /metrics, where there are any.
func MountMetrics(r gin.IRouter, metrics prometheus.Gatherer) {
	if metrics != nil { // a scrape may ask Temporal: nobody makes it do so without end
		r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	}
}

// onlyOwnHosts refuses requests for a name that is not ours: a web page can give its own name our address.
func (o AdminOptions) onlyOwnHosts(strict bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if strict && !o.own(c.Request.Host) {
			fail(c, problemForeignHost, "Ask for an address or localhost, or add the name to AFTERCALL_ADMIN_HOSTS.")
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
		fail(c, problemNoToken, "Others than this machine can reach this listener. Set AFTERCALL_ADMIN_TOKEN, or let AFTERCALL_ADMIN_ADDR be on loopback.")
	}
}

// ownPages refuses what a browser asks for on behalf of another page. Reading is no exception: the page gets no answer, but
// a profile holds up everything while it is taken.
func ownPages() gin.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		site := c.GetHeader("Sec-Fetch-Site")
		if err := guard.Check(c.Request); err != nil || site == "cross-site" || site == "same-site" {
			fail(c, problemCrossOrigin, "Use the aftercall command, or a page of this listener.")
		}
	}
}
